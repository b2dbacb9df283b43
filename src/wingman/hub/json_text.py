"""JSON that strangers wrote: read within bounds, so that whatever comes out can be kept and sent on.

`json.loads` alone takes text that fails later, far from where it came in: nesting that no writer follows, halves
of surrogate pairs that have no UTF-8, numbers that are none.
"""

import json
import re
from collections.abc import Callable
from math import isfinite
from typing import Any

MAX_DEPTH = 64
"""Deeper nesting is refused; the recursion of whoever handles the value stays far from its limit."""

MAX_VALUES = 1_000_000
"""More are refused: `[],` takes three bytes to send and sixty to keep."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def load_json(data: bytes | str, *, parse_int: Callable[[str], int] = int, nan_is_null: bool = False) -> Any:
    """The value. Raises `ValueError`, which says what is wrong with the text.

    nan_is_null: take NaN and infinities, which JSON does not know but Python writes, for null.

    >>> load_json('{"a": [1]}')
    {'a': [1]}
    """
    # UTF-8 alone, as RFC 8259 has it: `json.loads` would guess other encodings of bytes.
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    if _num_values(text) > MAX_VALUES and _num_values(_STRING.sub("", text)) > MAX_VALUES:
        raise ValueError(f"it has more than {MAX_VALUES} values")
    try:
        value = json.loads(
            text,
            parse_int=parse_int,
            parse_float=_finite,
            parse_constant=_null if nan_is_null else _refuse_constant,
        )
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels") from error
    if text.count("[") + text.count("{") > MAX_DEPTH or "\\u" in text:
        _check(value)
    return value


def whole_number(digits: str) -> int:
    """A `parse_int` for what ends in a database: 64 bits. Raises `ValueError`."""
    number = int(digits)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"the number {digits[:30]} is too large")
    return number


def _num_values(text: str) -> int:
    """At least as many as there are values in a text of JSON: commas in strings count as well."""
    return 1 + sum(map(text.count, ",[{"))


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError(f"the number {digits[:30]} is too large")
    return number


def _null(name: str) -> None:
    return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any) -> None:
    """Level by level, so that no depth is too deep for the check itself. Raises `ValueError`."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        following: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                following += item
                following += item.values()
            elif isinstance(item, list):
                following += item
        if not following:
            return
        level = following
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("it has half of a surrogate pair, which is no Unicode text") from error
