"""Large bytes by content: the object store."""
