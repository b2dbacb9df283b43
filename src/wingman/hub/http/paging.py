"""Pages of a list: an opaque cursor in a `Link: <url>; rel="next"` header, as clients follow it verbatim.

Anybody may make one up, so each list says of what shape its own are.
"""

import base64
import binascii
import json
from collections.abc import Callable
from math import isfinite
from typing import Any, TypeVar
from urllib.parse import urlencode

from wingman.hub.errors import Invalid
from wingman.hub.http.requests import HubRequest
from wingman.hub.json_text import load_json, whole_number

_Number = TypeVar("_Number", int, float)


class UnknownCursor(Invalid):
    """A cursor that no answer of this Hub contained."""

    def __init__(self) -> None:
        super().__init__("The parameter 'cursor' is not one that this Hub gave out.")


def number_cursor(request: HubRequest) -> int | None:
    """The number that `next_link` was given; None on the first page. Raises `UnknownCursor`."""
    value = _cursor_in(request)
    if value is None or _is_number(value, int):
        return value
    raise UnknownCursor


def text_cursor(request: HubRequest) -> str | None:
    """The text that `next_link` was given; None on the first page. Raises `UnknownCursor`."""
    value = _cursor_in(request)
    if value is None or (isinstance(value, str) and "\0" not in value):
        return value
    raise UnknownCursor


def pair_cursor(request: HubRequest, kind: Callable[[Any], _Number]) -> tuple[_Number, int] | None:
    """The sort value (of this kind) and row id that `next_link` was given; None on the first page.

    Raises `UnknownCursor`.
    """
    value = _cursor_in(request)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise UnknownCursor
    sort_value, row_id = value
    if not _is_number(row_id, int) or not (_is_number(sort_value, int) or _is_number(sort_value, float)):
        raise UnknownCursor
    return kind(sort_value), row_id


def next_link(request: HubRequest, cursor: Any) -> dict[str, str]:
    """The header that leads to the page after this one, with all other parameters kept."""
    encoded = base64.urlsafe_b64encode(json.dumps(cursor, separators=(",", ":")).encode()).decode()
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*kept, ("cursor", encoded)])
    return {"Link": f'<{request.base}{request.scope["path"]}?{query}>; rel="next"'}


def _cursor_in(request: HubRequest) -> Any:
    text = request.query_params.get("cursor")
    if not text:
        return None
    try:
        return load_json(base64.urlsafe_b64decode(text), parse_int=whole_number)
    except (ValueError, binascii.Error) as error:
        raise UnknownCursor from error


def _is_number(value: Any, kind: type[int] | type[float]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and isfinite(value)
