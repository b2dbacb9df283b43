"""The contract for the Hub's own secrets, which every app process must share."""

from typing import Protocol


class Secrets(Protocol):
    def get(self, name: str) -> bytes | None: ...

    def add(self, name: str, value: bytes) -> bytes:
        """Keep `value` unless there is one already; returns the one that is kept."""
