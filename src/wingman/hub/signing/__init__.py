"""Links and tokens that prove themselves by a signature instead of a database row."""
