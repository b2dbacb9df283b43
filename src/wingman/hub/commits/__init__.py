"""Turning operations into commits; branches and tags."""
