"""Pages of a list: an opaque cursor in a `Link: <url>; rel="next"` header, as clients follow it verbatim."""

import base64
import binascii
import json
from typing import Any
from urllib.parse import urlencode

from wingman.hub.errors import Invalid
from wingman.hub.http.requests import HubRequest


def cursor_in(request: HubRequest) -> Any:
    """What `next_link` was given; None on the first page. Raises `Invalid`."""
    text = request.query_params.get("cursor")
    if not text:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, binascii.Error) as error:
        raise Invalid("The parameter 'cursor' is not one that this Hub gave out.") from error


def next_link(request: HubRequest, cursor: Any) -> dict[str, str]:
    """The header that leads to the page after this one, with all other parameters kept."""
    encoded = base64.urlsafe_b64encode(json.dumps(cursor, separators=(",", ":")).encode()).decode()
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*kept, ("cursor", encoded)])
    return {"Link": f'<{request.base}{request.scope["path"]}?{query}>; rel="next"'}
