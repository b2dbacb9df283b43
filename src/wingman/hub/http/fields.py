"""Fields of a JSON object that came with a request."""

from collections.abc import Mapping
from typing import Any, TypeVar

from wingman.hub.errors import Invalid

_Value = TypeVar("_Value")


def text(body: Mapping[str, Any], name: str) -> str:
    """A text that must be there. Raises `Invalid`."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid(f"The request body needs a text {name!r}.")
    return value


def optional(body: Mapping[str, Any], name: str, kind: type[_Value]) -> _Value | None:
    """A value of this kind; None where it is missing or null. Raises `Invalid`."""
    value = body.get(name)
    # For Python, true and false are numbers, too.
    if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise Invalid(f"{name} is {str(value)[:100]!r}; it must be of type {kind.__name__}.")
    return value
