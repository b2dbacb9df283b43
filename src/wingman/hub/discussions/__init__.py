"""Discussions and pull requests: threads beside a repository, and changes offered to it."""
