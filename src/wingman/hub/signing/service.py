"""Signing small JSON claims with an expiry (HMAC-SHA-256, RFC 2104)."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from wingman.hub.errors import Forbidden
from wingman.hub.store import Store


class BadSignature(Forbidden):
    """A signed link or token that we did not make, was changed, or is past its time."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This link or token is not valid: {why}.")


class Signer:
    """Makes and checks signed claims. `purpose` keeps a token for one thing from opening another.

    >>> signer = Signer(b"secret", clock=lambda: 1000.0)
    >>> token = signer.sign("demo", {"a": 1}, expires_at=2000)
    >>> signer.verify("demo", token)
    {'a': 1}
    """

    def __init__(self, key: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock

    def sign(self, purpose: str, claims: Mapping[str, Any], *, expires_at: int) -> str:
        """A URL-safe token; `expires_at` is in Unix seconds."""
        body = _encode(json.dumps([int(expires_at), claims], separators=(",", ":")).encode())
        return f"{body}.{_encode(self._mac(purpose, body))}"

    def verify(self, purpose: str, token: str) -> dict[str, Any]:
        """The claims. Raises `BadSignature`."""
        body, _, mac = token.partition(".")
        # As bytes: of texts, only ASCII ones can be compared, and a stranger's may be anything.
        expected = _encode(self._mac(purpose, body)).encode()
        if not hmac.compare_digest(expected, mac.encode("utf-8", "replace")):
            raise BadSignature("its signature is wrong")
        expires_at, claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if self._clock() > expires_at:
            raise BadSignature("it has expired")
        return claims

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose, the same in every process of this Hub."""
        return self._mac("derive", purpose)

    def _mac(self, purpose: str, body: str) -> bytes:
        return hmac.digest(self._key, f"{purpose}\0{body}".encode("utf-8", "replace"), hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def open_signer(store: Store) -> Signer:
    """The signer of this Hub; its key is made once and shared through the database."""
    with store.read() as tx:
        key = tx.secrets.get("signing")
    if key is None:
        with store.write() as tx:
            key = tx.secrets.add("signing", secrets.token_bytes(32))
    return Signer(key)
