"""Source code with colours, as spans whose classes the style sheet knows. Never without escaping.

Lexers are regular expressions, some of which take the square or the cube of a text that is made for it; while one
does, the whole process waits. So only languages that were tried with such texts get colours, lines are short, and
whatever takes long stays plain.
"""

import time
from functools import lru_cache
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import STANDARD_TYPES, Token
from pygments.util import ClassNotFound

MAX_HIGHLIGHTED_CHARACTERS = 60_000
"""Longer text is shown plain: lexers are slow, and nobody reads that much code in colours."""
MAX_LINE_CHARACTERS = 1000
MAX_SECONDS = 1.0
"""Of the processor, for one text; a file of the usual kind takes a tenth of it."""
_LANGUAGES = frozenset(
    "python pycon pytb console bash powershell batch json json5 yaml toml ini properties xml html css scss less "
    "javascript typescript jsx tsx c cpp csharp cuda java kotlin scala groovy go rust swift objective-c ruby perl php "
    "lua splus julia haskell ocaml elixir erlang clojure common-lisp dart zig nimrod sql mysql graphql protobuf docker "
    "make cmake nixos terraform nginx diff tex django html+django vim text fortran cython".split()
)
"""Each by its first name in Pygments. Tried with texts of a few repeated signs, which not all of its 600 stand; those
that ask another lexer by a name in the text (Markdown, HTTP, PostgreSQL) are not among them."""


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
        return _tried(get_lexer_by_name(language, ensurenl=False, stripnl=False))
    except ClassNotFound:
        return None


@lru_cache(maxsize=256)
def _lexer_for(name: str) -> Lexer | None:
    try:
        return _tried(get_lexer_for_filename(name, ensurenl=False, stripnl=False))
    except ClassNotFound:
        return None


def _tried(lexer: Lexer) -> Lexer | None:
    return lexer if lexer.aliases and lexer.aliases[0] in _LANGUAGES else None


def _spans(code: str, lexer: Lexer | None) -> str:
    is_long = len(code) > MAX_HIGHLIGHTED_CHARACTERS or any(
        len(line) > MAX_LINE_CHARACTERS for line in code.split("\n")
    )
    if lexer is None or is_long:
        return escape(code)
    pieces = []
    until = time.thread_time() + MAX_SECONDS
    for kind, text in lexer.get_tokens(code):
        if time.thread_time() > until:
            return escape(code)
        name = _class_of(kind)
        pieces.append(f'<span class="{name}">{escape(text)}</span>' if name else escape(text))
    return "".join(pieces)


def _class_of(kind: object) -> str:
    while kind is not Token and kind not in STANDARD_TYPES:
        kind = kind.parent  # type: ignore[attr-defined]
    return "" if kind is Token else STANDARD_TYPES[kind]
