"""Cards as HTML: Markdown with tables, footnotes, task lists, mathematics and highlighted code, and nothing that runs.

Whatever comes out has passed nh3 with the short lists below, so the rest of this module need not be trusted. Ids and
the links to them get the prefix `c-`, so that a card cannot take the place of an element of the page. Pictures
from other sites become links: pages load nothing from elsewhere.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any
from urllib.parse import quote, unquote

import nh3
from latex2mathml.converter import convert as latex_to_mathml
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

from wingman.hub.web.highlighting import highlight_block

MAX_CHARACTERS = 1 << 19
"""A longer card is cut: more is no longer read by people."""
MAX_PARAGRAPH = 8000
MAX_BRACKETS, MAX_STARS = 400, 1000
"""In paragraphs with more than these markup stays as written: looking for it takes up to the square of their number."""
MAX_DEPTH = 200
"""A card whose HTML nests deeper is shown with its tags as text: taking it apart takes the square of the depth."""
_MAX_FORMULA = 2000
_MAX_FORMULAS = 500
_MAX_HIGHLIGHTED = 200
_MAX_HIGHLIGHTING_S = 2.0
"""Of the processor, for all of a card's code; what comes after stays plain."""
_ID_PREFIX = "c-"

_TAGS = {
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "input",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "math",
    "mfrac",
    "mi",
    "mn",
    "mo",
    "mover",
    "mroot",
    "mrow",
    "mspace",
    "msqrt",
    "mstyle",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
}
_CLASSES = {
    "contains-task-list",
    "task-list-item",
    "footnotes",
    "footnote-ref",
    "anchor",
    "table-scroll",
    "hl",
}
_ALIGNMENTS = {"to-left", "to-right", "to-center"}
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"id", "class", "title", "lang", "dir"},
    "a": {"href", "aria-label"},
    "img": {"src", "alt", "width", "height", "loading"},
    "input": {"type", "checked", "disabled"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "details": {"open"},
    "math": {"display"},
    "mo": {"stretchy", "fence", "form", "lspace", "rspace"},
    "mover": {"accent"},
    "mspace": {"width"},
    "mtable": {"columnalign"},
    "mtd": {"columnalign"},
    "pre": {"tabindex"},
    "div": {"tabindex", "role", "aria-label"},
}
_DROPPED_WITH_CONTENT = {
    "script",
    "style",
    "template",
    "iframe",
    "object",
    "noscript",
    "title",
    "textarea",
    "select",
    "svg",
}
_TABLE_BOX = '<div class="table-scroll" tabindex="0" role="region" aria-label="Table">'
_TOKEN_CLASS = re.compile(r"[a-z][a-z0-9]{0,2}\Z")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_CLOSED_BY_THEMSELVES = {"br", "col", "hr", "img", "input", "p", "li", "td", "tr", "th", "dd", "dt"}
_SAFE_ID = re.compile(r"[^\w-]+")


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    anchor: str
    """With its prefix: what follows `#` in an address."""
    text: str


@dataclass(frozen=True, slots=True)
class RenderedCard:
    html: str
    headings: tuple[Heading, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a card stands, for its relative links.

    files_at: the address below which its neighbours are pages. raw_at: below which they are bytes.
    """

    files_at: str
    raw_at: str
    folder: str = ""


def render_markdown(text: str, place: Place) -> RenderedCard:
    """The body of a Markdown file (front matter is left out) and its headings, for a contents list."""
    text = text[:MAX_CHARACTERS].removeprefix("\ufeff")
    html, headings = _rendered(text, with_html=True)
    if _depth(html) > MAX_DEPTH:
        html, headings = _rendered(text, with_html=False)
    return RenderedCard(_clean(html, place), headings)


def _rendered(text: str, *, with_html: bool) -> tuple[str, tuple[Heading, ...]]:
    environment: dict[str, Any] = {"formulas": 0, "highlighted": 0, "highlighting_s": 0.0}
    parser = _parser(with_html)
    tokens = parser.parse(text, environment)
    headings = tuple(_mark_headings(tokens))
    return parser.renderer.render(tokens, parser.options, environment), headings


def _depth(html: str) -> int:
    """How deep its elements nest at most, roughly: what a browser would close by itself counts as open."""
    depth = deepest = 0
    for slash, name in _TAG.findall(html):
        if name.lower() in _CLOSED_BY_THEMSELVES:
            continue
        depth += -1 if slash else 1
        deepest = max(deepest, depth)
    return deepest


@cache
def _parser(with_html: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": with_html}).enable(["table", "strikethrough"])
    parser.use(front_matter_plugin).use(footnote_plugin).use(tasklists_plugin)
    parser.use(dollarmath_plugin, allow_digits=False, double_inline=True)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("code_block", _fence)
    parser.core.ruler.at("inline", _inline_of_bounded_length)
    for rule in ("math_inline", "math_inline_double", "math_block", "math_block_label"):
        parser.add_render_rule(rule, _formula)
    parser.add_render_rule("table_open", _constant(f"{_TABLE_BOX}<table>\n"))
    parser.add_render_rule("table_close", _constant("</table></div>\n"))
    for rule in ("th_open", "td_open"):
        parser.add_render_rule(rule, _aligned_cell)
    return parser


def _inline_of_bounded_length(state: StateCore) -> None:
    for token in state.tokens:
        if token.type != "inline":
            continue
        token.children = []
        text = token.content
        stars = text.count("*") + text.count("_") + text.count("~")
        if len(text) <= MAX_PARAGRAPH and text.count("[") <= MAX_BRACKETS and stars <= MAX_STARS:
            state.md.inline.parse(text, state.md, state.env, token.children)
        else:
            plain = Token("text", "", 0)
            plain.content = text
            token.children.append(plain)


def _constant(html: str) -> Callable[..., str]:
    return lambda *_: html


def _fence(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: dict[str, Any]) -> str:
    token = tokens[index]
    env["highlighted"] += 1
    is_affordable = env["highlighted"] <= _MAX_HIGHLIGHTED and env["highlighting_s"] < _MAX_HIGHLIGHTING_S
    language = token.info.split()[0] if token.info.split() and is_affordable else ""
    began = time.thread_time()
    code = highlight_block(token.content, language)
    env["highlighting_s"] += time.thread_time() - began
    return f'<pre class="hl" tabindex="0"><code>{code}</code></pre>\n'


def _aligned_cell(
    renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: dict[str, Any]
) -> str:
    """Alignment as a class: style attributes are not allowed on our pages."""
    token = tokens[index]
    side = str(token.attrs.get("style", "")).removeprefix("text-align:")
    return f'<{token.tag} class="to-{side}">' if side in ("left", "right", "center") else f"<{token.tag}>"


def _formula(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: dict[str, Any]) -> str:
    token = tokens[index]
    is_block = token.type != "math_inline"
    env["formulas"] += 1
    source = token.content.strip()
    if len(source) <= _MAX_FORMULA and env["formulas"] <= _MAX_FORMULAS:
        try:
            return latex_to_mathml(source, display="block" if is_block else "inline")
        except Exception:  # noqa: BLE001 - the converter documents no errors; a formula it cannot read is shown as written
            pass
    return f"<pre><code>{escape(source)}</code></pre>" if is_block else f"<code>{escape(source)}</code>"


def _mark_headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Give each heading an id and a link to itself."""
    used: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        inline = tokens[index + 1]
        text = "".join(
            child.content for child in inline.children or () if child.type in ("text", "code_inline")
        )
        slug = _SAFE_ID.sub("-", text.lower()).strip("-")[:80] or "section"
        used[slug] = used.get(slug, 0) + 1
        name = slug if used[slug] == 1 else f"{slug}-{used[slug] - 1}"
        token.attrSet("id", name)
        link = Token("html_inline", "", 0)
        link.content = (
            f'<a class="anchor" href="#{name}" aria-label="Link to: {escape(text, quote=True)}">#</a>'
        )
        inline.children = [*(inline.children or ()), link]
        yield Heading(int(token.tag[1]), _ID_PREFIX + name, text)


def _clean(html: str, place: Place) -> str:
    def keep(tag: str, attribute: str, value: str) -> str | None:
        match attribute:
            case "id":
                return _ID_PREFIX + _SAFE_ID.sub("-", value)[:120]
            case "class":
                return " ".join(name for name in value.split() if _is_known_class(tag, name)) or None
            case "href":
                return _link(value, place)
            case "src":
                return _picture(value, place)
            case "type":
                return "checkbox" if value == "checkbox" else None
            case "width" | "height":
                return value if re.fullmatch(r"\d{1,4}%?(em|ex|px)?", value) else None
            case "tabindex":
                return "0"
            case "role":
                return "region" if value == "region" else None
        return value

    return nh3.clean(
        _pictures_from_elsewhere(html),
        tags=_TAGS,
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        link_rel="nofollow noopener noreferrer",
        url_schemes={"http", "https", "mailto"},
        set_tag_attribute_values={
            "img": {"loading": "lazy"},
            "input": {"type": "checkbox", "disabled": "", "aria-label": "Task"},
        },
    )


def _is_known_class(tag: str, name: str) -> bool:
    return name in _CLASSES or name in _ALIGNMENTS or (tag == "span" and bool(_TOKEN_CLASS.match(name)))


_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(src|alt)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)


def _pictures_from_elsewhere(html: str) -> str:
    """A picture of another site, as a link to it. (What this misses has no source left after cleaning.)"""

    def replaced(match: re.Match[str]) -> str:
        found = {name.lower(): a or b or c for name, a, b, c in _ATTRIBUTE.findall(match[0])}
        source = found.get("src", "")
        if not re.match(r"https?://", source, re.IGNORECASE):
            # Who hears the card instead of seeing it is told the file's name where the card says nothing.
            path = re.split("[?#]", source)[0]
            name = unquote(path.rpartition("/")[2]) if "alt" not in found else ""
            return f'<img alt="{escape(name)}" {match[0][4:]}' if name else match[0]
        # Not `urlsplit`, which raises for some of what people write.
        host = re.match(r"https?://([^/?#]*)", source, re.IGNORECASE)
        label = found.get("alt") or f"picture at {host[1] if host and host[1] else 'another site'}"
        return f'<a href="{escape(source)}">{escape(label)}</a>'

    return _IMAGE.sub(replaced, html)


def _link(address: str, place: Place) -> str | None:
    address = address.strip()
    if address.startswith("#"):
        return f"#{_ID_PREFIX}{_SAFE_ID.sub('-', unquote(address[1:]))}"
    if re.match(r"[a-z][a-z0-9+.-]*:", address, re.IGNORECASE) or address.startswith("//"):
        return address if re.match(r"(https?:|mailto:)", address, re.IGNORECASE) else None
    return _below(address, place.files_at, place.folder)


def _picture(address: str, place: Place) -> str | None:
    """Only files of the repository itself: an address elsewhere would tell that site who reads the card."""
    address = address.strip()
    if re.match(r"[a-z][a-z0-9+.-]*:", address, re.IGNORECASE) or address.startswith(("//", "\\")):
        return None
    return _below(address, place.raw_at, place.folder)


def _below(address: str, base: str, folder: str) -> str | None:
    """A relative address inside the repository; an absolute one stays, for links between repositories."""
    if address.startswith("/"):
        return None if address.startswith(("//", "/\\")) else address
    path, mark, rest = address.partition("#")
    path, _, _ = path.partition("?")
    parts: list[str] = folder.split("/") if folder else []
    for part in unquote(path).split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    anchor = f"{mark}{_ID_PREFIX}{_SAFE_ID.sub('-', rest)}" if mark else ""
    return f"{base}/{quote('/'.join(parts))}{anchor}"
