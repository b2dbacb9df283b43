"""One rule for when two texts are the same for our purposes."""

import hashlib
import re
import unicodedata

_NOT_WORDS = re.compile(r"[^\w]+", re.UNICODE)


def normalise(text: str) -> str:
    """Fold case, width, punctuation and spacing away, so that near-copies become equal.

    A text without any letter or digit keeps its characters: ":)" and ":(" are not the same.

    >>> normalise("  GREAT film!! ")
    'great film'
    >>> normalise(":)")
    ':)'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _NOT_WORDS.sub(" ", folded).strip() or folded.strip()


def text_key(text: str) -> str:
    """A short stable name of a normalised text: 16 hexadecimal digits of its sha256."""
    return hashlib.sha256(normalise(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]
