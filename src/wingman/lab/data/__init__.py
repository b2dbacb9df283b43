"""Reading, recognising, checking and splitting data. Knows nothing of models."""
