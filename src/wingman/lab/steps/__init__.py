"""The steps of a flight, one file each: plain functions of a run's folder and its recipe."""
