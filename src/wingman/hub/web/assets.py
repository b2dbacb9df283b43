"""The files that pages are made of: style sheets, modules, the font. Read once, served gzipped, cached for ever.

An address carries the beginning of the file's sha256 (`/static/app.css?v=1f2e3d4c`), so that a new version is a
new address. `app.css` is the style sheets of `static/css` in order.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.responses import Response

from wingman.hub.errors import NotFound
from wingman.hub.http.requests import HubRequest

FOLDER = Path(__file__).parent / "static"
STYLE_SHEETS = ("tokens", "base", "layout", "components", "card", "code", "pages")
_COMPRESSED = (".css", ".js", ".svg", ".txt")
_FOR_EVER = "public, max-age=31536000, immutable"
_SHORTLY = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    gzipped: bytes | None
    media_type: str
    version: str


class AssetMissing(NotFound):
    """No such file among those that come with the pages."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no page asset {name!r}.")
        self.name = name


@cache
def load_asset(name: str) -> Asset:
    """Raises `AssetMissing`. Names never leave the folder: each is looked up in its listing."""
    if name == "app.css":
        body = b"".join((FOLDER / "css" / f"{sheet}.css").read_bytes() for sheet in STYLE_SHEETS)
    elif name in _names():
        body = (FOLDER / name).read_bytes()
    else:
        raise AssetMissing(name)
    suffix = "." + name.rpartition(".")[2]
    media_type = "text/javascript" if suffix == ".js" else mimetypes.guess_type(name)[0] or "text/plain"
    return Asset(
        body=body,
        gzipped=gzip.compress(body, mtime=0) if suffix in _COMPRESSED else None,
        media_type="font/woff2" if suffix == ".woff2" else media_type,
        version=hashlib.sha256(body).hexdigest()[:10],
    )


@cache
def _names() -> frozenset[str]:
    return frozenset(
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*")
        if path.suffix != ".css" and path.is_file()
    )


def asset_url(name: str) -> str:
    return f"/static/{name}?v={load_asset(name).version}"


def serve_asset(request: HubRequest) -> Response:
    name = request.segment("name")
    if name not in _names() and name != "app.css":
        raise AssetMissing(name)
    asset = load_asset(name)
    is_pinned = name.startswith("fonts/") or request.query_params.get("v") == asset.version
    headers = {"Cache-Control": _FOR_EVER if is_pinned else _SHORTLY, "Vary": "Accept-Encoding"}
    body = asset.body
    if asset.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = asset.gzipped, "gzip"
    return Response(body, headers=headers, media_type=asset.media_type)
