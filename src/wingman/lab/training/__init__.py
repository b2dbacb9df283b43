"""Training text models through `transformers.Trainer`: batches, precision, methods."""
