"""What a client already has of a representation (RFC 9110, section 13): send it again, or go on where it stopped?"""


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether the client named this version (weak comparison, section 13.1.2), or any (`*`).

    etag: quoted, strong.

    >>> is_unchanged('"a", W/"b"', '"b"')
    True
    """
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in known or known == ["*"]


def continues(if_range: str | None, etag: str) -> bool:
    """Whether a range may be answered with a part: the client has the rest of this very version (section 13.1.5).

    A date never matches: files here have no time of change.
    """
    return if_range is None or if_range.strip() == etag
