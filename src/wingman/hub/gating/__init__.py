"""Access requests: who may read the content of a gated repository."""
