"""Pkt-lines, the frames of git's wire protocol. Bytes in, bytes out.

Source: git, Documentation/gitprotocol-common.txt, "pkt-line Format". One literal example:

>>> pkt(b"hello\\n")
b'000ahello\\n'
>>> read_pkt(b"000ahello\\n0000", 0)
(b'hello\\n', 10)
>>> read_pkt(b"0000", 0)
(None, 4)
"""

from collections.abc import Iterator

from wingman.hub.errors import Invalid

FLUSH = b"0000"
MAX_PAYLOAD_BYTES = 65516
_MAX_BAND_BYTES = MAX_PAYLOAD_BYTES - 1

BAND_DATA, BAND_PROGRESS = 1, 2
KEEPALIVE = b"0005\x01"
"""An empty piece of the data band: tells clients and proxies that we are still at work."""


class MalformedPkt(Invalid):
    """Bytes that do not speak git's wire protocol."""


def pkt(payload: bytes) -> bytes:
    assert len(payload) <= MAX_PAYLOAD_BYTES
    return b"%04x" % (len(payload) + 4) + payload


def read_pkt(data: bytes | bytearray, start: int) -> tuple[bytes | None, int] | None:
    """The payload of the line at `start` (None: a flush) and where the next one begins.

    None while the line is incomplete. Raises `MalformedPkt`.
    """
    if len(data) < start + 4:
        return None
    try:
        length = int(bytes(data[start : start + 4]), 16)
    except ValueError as error:
        raise MalformedPkt(f"{bytes(data[start : start + 4])!r} is not the length of a pkt-line.") from error
    if length == 0:
        return None, start + 4
    if length < 4:
        raise MalformedPkt(f"A pkt-line of length {length} has no place here.")
    end = start + length
    return None if len(data) < end else (bytes(data[start + 4 : end]), end)


def on_band(band: int, data: bytes) -> Iterator[bytes]:
    """`data` as pkt-lines of one side band."""
    for start in range(0, len(data), _MAX_BAND_BYTES):
        yield pkt(bytes([band]) + data[start : start + _MAX_BAND_BYTES])
