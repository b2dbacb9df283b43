"""Data that several of Xet's tests look at."""

import hashlib

import pytest


@pytest.fixture(scope="session")
def digests() -> bytes:
    """1,280,000 incompressible bytes that anyone can make again."""
    data = b"".join([hashlib.sha256(number.to_bytes(8, "little")).digest() for number in range(40_000)])
    assert hashlib.sha256(data).hexdigest().startswith("8bd4118f47baa938")
    return data
