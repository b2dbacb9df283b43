"""Git LFS: how git-lfs, older clients and file objects bring large files, and how git-lfs fetches them."""
