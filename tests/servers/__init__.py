"""Real servers for tests: PostgreSQL, S3, a Hub of one's own, and a proxy that counts bytes."""
