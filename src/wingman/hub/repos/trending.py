"""What is trending: attention that fades by half every three days, kept without ever being recomputed.

Forward decay (Cormode, Shkapenyuk, Srivastava and Xu 2009, "Forward Decay"): instead of shrinking all old scores
every day, what happens later is worth more, measured from a fixed landmark. The order of the kept scores is at every
moment the order of the decayed ones, so that lists can sort by an index.
"""

from datetime import UTC, datetime, timedelta

HALF_LIFE = timedelta(days=3)
LANDMARK = datetime(2026, 1, 1, tzinfo=UTC)
"""A double holds about eight years of this growth; then one update over all rows moves the landmark."""

LIKE_WEIGHT = 1.0
DOWNLOAD_WEIGHT = 0.1


def growth(at: datetime) -> float:
    """What attention at this moment is worth, measured at the landmark.

    >>> growth(LANDMARK), growth(LANDMARK + 2 * HALF_LIFE)
    (1.0, 4.0)
    """
    return 2.0 ** ((at - LANDMARK) / HALF_LIFE)


def score_now(kept: float, at: datetime) -> float:
    """A kept score as it stands now: likes and downloads of the last days, decayed."""
    return round(kept / growth(at), 2)
