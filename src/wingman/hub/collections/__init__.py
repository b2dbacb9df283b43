"""Collections: named, ordered lists of repositories and other collections."""
