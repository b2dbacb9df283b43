"""The handbook, rendered from the Markdown that comes with the package; and the design page."""

from functools import cache
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

import wingman
from wingman.hub.errors import NotFound
from wingman.hub.web.assets import FOLDER
from wingman.hub.web.charts import scale_over
from wingman.hub.web.markdown import Place, RenderedCard, render_markdown
from wingman.hub.web.page import PageRequest, page, show

_DESIGN_COLOURS = tuple(
    "paper surface sunken line line-strong ink ink-2 ink-3 link accent signal good warn bad "
    "series-1 series-2 series-3".split()
)


class DocsPageMissing(NotFound):
    """The handbook has no such page."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The handbook has no page {name!r}.")
        self.name = name


@cache
def docs_folder() -> Path:
    """Inside the installed package, or beside the sources in a checkout."""
    package = Path(wingman.__file__).parent
    packaged = package / "docs"
    return packaged if packaged.is_dir() else package.parent.parent / "docs"


@cache
def _pages() -> dict[str, Path]:
    folder = docs_folder()
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.md"))
    }


@cache
def _rendered(name: str) -> RenderedCard:
    """Raises `DocsPageMissing`."""
    path = _pages().get(name) or _pages().get(f"{name}/index".lstrip("/"))
    if path is None:
        raise DocsPageMissing(name)
    folder = path.relative_to(docs_folder()).parent.as_posix()
    return render_markdown(
        path.read_text("utf-8"),
        Place(files_at="/docs", raw_at="/docs/files", folder=folder.removeprefix(".")),
    )


def docs(request: PageRequest) -> Response:
    name = (
        request.segment("name").removesuffix(".md").strip("/") if "name" in request.path_params else "index"
    )
    card = _rendered(name)
    titles = {
        page_name: next((heading.text for heading in _rendered(page_name).headings), page_name)
        for page_name in _pages()
    }
    return show(request, "docs.html", card=card, name=name, titles=titles)


def docs_file(request: PageRequest) -> Response:
    """A picture of the handbook."""
    name = request.segment("name")
    folder = docs_folder()
    known = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.suffix in (".svg", ".png")
    }
    if name not in known:
        raise DocsPageMissing(name)
    media_type = "image/svg+xml" if name.endswith(".svg") else "image/png"
    headers = {
        "Cache-Control": "public, max-age=3600",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(known[name].read_bytes(), headers=headers, media_type=media_type)


def design(request: PageRequest) -> Response:
    sprite = (FOLDER / "icons.svg").read_text("utf-8")
    icons = [part.partition('"')[0] for part in sprite.split('<symbol id="')[1:]]
    bars = [
        {"label": f"{number}–{number + 1}", "count": count}
        for number, count in enumerate((2, 5, 9, 14, 11, 6, 3, 1))
    ]
    model, classic = {"value": 0.874, "low": 0.859, "high": 0.888}, {"value": 0.804, "low": 0.787, "high": 0.820}
    scale = scale_over([classic["low"], model["high"]])
    shown: dict[str, Any] = {"icons": icons, "bars": bars, "model": model, "classic": classic, "scale": scale}
    return show(request, "design.html", colours=_DESIGN_COLOURS, **shown)


routes: list[Route] = [
    page("/docs", docs),
    page("/docs/design", design),
    page("/docs/files/{name:path}", docs_file),
    page("/docs/{name:path}", docs),
]
