"""Likes and followers."""
