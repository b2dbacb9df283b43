"""Dates on the wire: ISO 8601, UTC, milliseconds, `Z`."""

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """
    >>> iso(datetime(2024, 1, 2, 3, 4, 5, 6000, tzinfo=UTC))
    '2024-01-02T03:04:05.006Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
