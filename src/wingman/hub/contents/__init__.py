"""Reading a repository: trees, files, history."""
