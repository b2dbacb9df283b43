"""Large files: which ones there are, which repository holds them, and how their bytes are read."""
