"""When two texts are the same for our purposes, and what decides the split of a text."""

import hashlib
import re
import unicodedata

_NOT_WORDS = re.compile(r"[^\w]+", re.UNICODE)
_WORD = re.compile(r"\w", re.UNICODE)


def normalise(text: str) -> str:
    """Fold case, width, punctuation and spacing away, so that near-copies become equal.

    Vowel marks (of Hindi or Thai, say) and signs stay, for they tell texts apart; so does the underscore, which is
    part of a word. A text without any letter or digit keeps its characters: ":)" and ":(" are not the same.

    >>> normalise("  GREAT film!! ")
    'great film'
    >>> normalise("C++, or C#?")
    'c++ or c'
    >>> normalise(":)")
    ':)'
    """
    folded = _fold(text)
    if not _WORD.search(folded):
        return folded.strip()
    spaces = {ord(character): " " for character in set(folded) if _is_folded_away(character)}
    return " ".join(folded.translate(spaces).split())


def text_key(text: str) -> str:
    """A short stable name of a normalised text: 16 hexadecimal digits of its sha256. Equal keys: the same text."""
    return _digest(normalise(text))


def split_key(text: str) -> str:
    """What assigns a text to a split: 16 hexadecimal digits of the sha256 of its letters and digits.

    Coarser than `text_key`: it passes over vowel marks and signs too. It must stay just as it is, for another key
    would put the rows of every data set into other splits, and published models name their rows by it. Texts with
    the same `text_key` have the same `split_key`, so copies never part.
    """
    folded = _fold(text)
    return _digest(_NOT_WORDS.sub(" ", folded).strip() or folded.strip())


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _is_folded_away(character: str) -> bool:
    """Whether it is punctuation, a separator, or one of the control and format characters (line ends, joiners)."""
    category = unicodedata.category(character)
    return character != "_" and (category[0] in "PZ" or category in ("Cc", "Cf"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
