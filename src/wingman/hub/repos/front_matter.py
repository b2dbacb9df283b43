"""YAML that strangers wrote, as plain JSON values: bounded, because aliases make small texts large.

What a card says travels as JSON into the database, into lists and onto pages; one that could not be written
there would break the lists that it is in.
"""

from math import isfinite
from typing import Any

import yaml

MAX_CHARACTERS = 256 * 1024
"""Reading YAML takes seconds a megabyte, during which nobody else can write."""

MAX_VALUES = 100_000
MAX_DEPTH = 32


class Unreadable(ValueError):
    """Text that is no YAML, or none that can be kept; the message says why."""


def read_yaml(text: str) -> Any:
    """The value, with everything that JSON does not know as text. Raises `Unreadable`."""
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"it has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    try:
        return _Plain().of(yaml.load(text, Loader=_BoundedLoader))
    # Beyond its own errors: what its constructors raise for `!!int x`, `2020-99-99`, `!!bool x`, …, and Python for
    # numbers that it will not write out
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise Unreadable(str(error)) from error


class _BoundedLoader(yaml.SafeLoader):
    """The safe loader, which by itself follows any nesting into the limit of the stack, and any merging (`<<`)."""

    _depth = 0
    _num_merged = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested deeper than {MAX_DEPTH} levels")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Bring in what the mapping merges. Asked for each time it is merged: a chain doubles with each link."""
        super().flatten_mapping(node)
        self._num_merged += len(node.value)
        if self._num_merged > MAX_VALUES:
            raise yaml.YAMLError(f"it merges more than {MAX_VALUES} values into its mappings")


class _Plain:
    """One conversion. Counts values as often as they are shown: an alias is as large as what it stands for."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def of(self, value: Any, depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Unreadable(f"it has more than {MAX_VALUES} values, aliases counted as what they stand for")
        if depth > MAX_DEPTH:
            raise Unreadable(f"it is nested deeper than {MAX_DEPTH} levels, or holds itself")
        match value:
            case dict():
                return {_name(key): self.of(item, depth + 1) for key, item in value.items()}
            case list() | tuple() | set():
                return [self.of(item, depth + 1) for item in value]
            case None | bool():
                return value
            case int():
                # JSON has numbers of any length, the readers of it have not.
                return value if -(1 << 63) <= value < 1 << 63 else str(value)
            case float():
                return value if isfinite(value) else str(value)
        return _text(value)


def _name(key: Any) -> str:
    match key:
        case True | False:
            return str(key).lower()
        case None:
            return "null"
    return _text(key)


def _text(value: Any) -> str:
    """Without what no database keeps: NUL and halves of surrogate pairs."""
    return str(value).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
