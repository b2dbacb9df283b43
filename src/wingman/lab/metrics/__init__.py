"""Figures of merit as pure functions over arrays, each with an interval or a test. No files, no models."""
