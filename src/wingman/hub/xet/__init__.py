"""Xet: chunk-level deduplicated storage, the transfer protocol of current Hub clients.

The format itself is pure (bytes in, values out): `hashes`, `chunk_tables`, `xorbs`, `shards`, `chunker`,
`reconstruction`. Source: the Xet protocol specification (huggingface/hub-docs), as spoken by hf-xet 1.8.0;
where the two differ, the client wins and a comment says so.
"""
