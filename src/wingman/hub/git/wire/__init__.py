"""Git over HTTP. SQL is the truth; git's own programs work on disposable copies of repositories on disk."""
