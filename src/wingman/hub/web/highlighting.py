"""Source code with colours, as spans whose classes the style sheet knows. Never without escaping."""

from functools import lru_cache
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import STANDARD_TYPES, Token
from pygments.util import ClassNotFound

MAX_HIGHLIGHTED_CHARACTERS = 150_000
"""Longer text is shown plain: lexers are slow, and nobody reads that much code in colours."""
MAX_LINE_CHARACTERS = 5000


def highlight_block(code: str, language: str) -> str:
    """Code of a language named as people name it; plain where the name means nothing."""
    lexer = _lexer_named(language) if language else None
    return _spans(code, lexer)


def highlight_file(code: str, path: str) -> str:
    """A file's text by its name."""
    return _spans(code, _lexer_for(path.rpartition("/")[2]))


@lru_cache(maxsize=64)
def _lexer_named(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language, ensurenl=False, stripnl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=256)
def _lexer_for(name: str) -> Lexer | None:
    try:
        return get_lexer_for_filename(name, ensurenl=False, stripnl=False)
    except ClassNotFound:
        return None


def _spans(code: str, lexer: Lexer | None) -> str:
    is_long = len(code) > MAX_HIGHLIGHTED_CHARACTERS or any(
        len(line) > MAX_LINE_CHARACTERS for line in code.split("\n")
    )
    if lexer is None or is_long:
        return escape(code)
    pieces = []
    for kind, text in lexer.get_tokens(code):
        name = _class_of(kind)
        pieces.append(f'<span class="{name}">{escape(text)}</span>' if name else escape(text))
    return "".join(pieces)


def _class_of(kind: object) -> str:
    while kind is not Token and kind not in STANDARD_TYPES:
        kind = kind.parent  # type: ignore[attr-defined]
    return "" if kind is Token else STANDARD_TYPES[kind]
