"""How a file is shown: which viewer fits it, and what the viewer needs to know. Reads as little as it can."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from wingman.hub.contents.model import OpenedFile
from wingman.hub.json_text import load_json
from wingman.hub.web.highlighting import highlight_file
from wingman.hub.web.markdown import Place, RenderedCard, render_markdown
from wingman.hub.weights.safetensors import count_parameters, parse_header

MAX_TEXT_BYTES = 512 << 10
"""So much of a text is shown; the rest is one click away."""
MAX_JSON_BYTES = 256 << 10
MAX_SHOWN_TENSORS = 1000
_SAMPLE_BYTES = 8192

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".ico", ".bmp")

Read = Callable[[int, int], bytes]
"""Bytes `start:end` of the file."""


@dataclass(frozen=True, slots=True)
class View:
    """`kind` names the part of the page that shows it; `facts` is what that part reads."""

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def is_table(path: str) -> bool:
    return path.lower().endswith(TABLE_SUFFIXES)


def view_file(file: OpenedFile, read: Read, place: Place, *, as_written: bool = False) -> View:
    """Choose by name first, by content where the name says nothing. `as_written`: Markdown as its source."""
    name = file.path.lower()
    if name.endswith(_IMAGE_SUFFIXES):
        return View("image")
    if name.endswith(".safetensors"):
        return _safetensors(read)
    if name.endswith(".parquet"):
        return View("table")
    sample = read(0, min(file.size, _SAMPLE_BYTES))
    if b"\0" in sample:
        return View("binary")
    if is_table(name):
        return View("table")
    text = read(0, min(file.size, MAX_TEXT_BYTES)).decode("utf-8", "replace")
    is_cut = file.size > MAX_TEXT_BYTES
    if name.endswith((".md", ".markdown")) and not is_cut and not as_written:
        return View("markdown", {"card": rendered_card(text, place)})
    if name.endswith(".json") and file.size <= MAX_JSON_BYTES:
        text = _indented(text)
    return View(
        "text",
        {
            "html": highlight_file(text, file.path),
            "num_lines": text.count("\n") + (not text.endswith("\n")),
            "is_cut": is_cut,
            "shown_bytes": min(file.size, MAX_TEXT_BYTES),
        },
    )


@lru_cache(maxsize=128)
def rendered_card(text: str, place: Place) -> RenderedCard:
    """Rendered once for each text: cards are read far more often than written."""
    return render_markdown(text, place)


def _indented(text: str) -> str:
    try:
        return json.dumps(load_json(text, nan_is_null=True), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _safetensors(read: Read) -> View:
    header = parse_header(read)
    if header is None:
        return View("binary")
    tensors = [
        {
            "name": name,
            "dtype": str(facts.get("dtype")),
            "shape": _shape(facts.get("shape")),
            "bytes": _extent(facts),
        }
        for name, facts in header.items()
        if name != "__metadata__" and isinstance(facts, Mapping)
    ]
    metadata = header.get("__metadata__")
    return View(
        "safetensors",
        {
            "tensors": tensors[:MAX_SHOWN_TENSORS],
            "num_tensors": len(tensors),
            "counts": count_parameters(header),
            "metadata": metadata if isinstance(metadata, Mapping) else {},
        },
    )


def _shape(value: Any) -> str:
    return " × ".join(str(size) for size in value) if isinstance(value, list) and value else "scalar"


def _extent(facts: Mapping[str, Any]) -> int:
    match facts.get("data_offsets"):
        case [int(start), int(end)]:
            return end - start
    return 0
