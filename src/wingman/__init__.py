"""Wingman: the Hugging Face you own. A Hub on your machine, and the way from a CSV to a served model."""

__version__ = "0.1.0"
