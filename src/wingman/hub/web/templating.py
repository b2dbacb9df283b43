"""Jinja, set up once: everything is escaped, and values are shown the same way on every page."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wingman.hub.web.assets import asset_url
from wingman.hub.web.columns import describe_column
from wingman.hub.web.highlighting import highlight_block
from wingman.hub.web.results import flight_figures


def bytes_text(size: int) -> str:
    """A size in the units that people say.

    >>> bytes_text(0), bytes_text(999), bytes_text(90_900_000), bytes_text(3_200_000_000)
    ('0 B', '999 B', '90.9 MB', '3.2 GB')
    """
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 999.5 or unit == "TB":
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("TB is the last unit")


def count_text(number: float) -> str:
    """
    >>> count_text(7), count_text(12_345), count_text(10_000_000)
    ('7', '12,345', '10,000,000')
    """
    return f"{number:,.0f}"


def short_count(number: float) -> str:
    """
    >>> short_count(999), short_count(12_345), short_count(22_713_216), short_count(7e9)
    ('999', '12.3k', '22.7M', '7B')
    """
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.1f}".removesuffix(".0") + unit
    return f"{number:.0f}"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """
    >>> ago(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
    '2 days ago'
    """
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 45:
        return "just now"
    steps = ((60, "minute"), (3600, "hour"), (86400, "day"), (7 * 86400, "week"), (30.44 * 86400, "month"))
    size, unit = next(
        ((size, unit) for size, unit in reversed((*steps, (365.25 * 86400, "year"))) if seconds >= size),
        steps[0],
    )
    number = max(1, int(seconds // size))
    return f"{number} {unit}{'' if number == 1 else 's'} ago"


def when(moment: datetime) -> Markup:
    """A point in time as people say it, and exactly where one points at it."""
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), exact, ago(moment))


def duration(seconds: float) -> str:
    """
    >>> duration(0.42), duration(75), duration(3725)
    ('0.4 s', '1 min 15 s', '1 h 2 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def task_text(task: str) -> str:
    """
    >>> task_text("text-classification")
    'Text classification'
    """
    return task.replace("-", " ").capitalize()


def path_quote(path: str) -> str:
    """A path for an address: slashes stay, everything else that means something is escaped."""
    return quote(path, safe="/", errors="surrogateescape")


def segment_quote(name: str) -> str:
    """One segment of an address: `refs/pr/1` stays one."""
    return quote(name, safe="", errors="surrogateescape")


def shown_name(name: str) -> str:
    """A file name that may hold undecodable bytes or direction marks, as text that can be shown and not mislead."""
    readable = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join("\N{REPLACEMENT CHARACTER}" if char in _MISLEADING else char for char in readable)


_MISLEADING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def icon(name: str, label: str = "") -> Markup:
    """A picture from the sprite; without a label it is decoration for the words beside it."""
    said = Markup(' role="img" aria-label="{}"').format(label) if label else Markup(' aria-hidden="true"')
    return Markup('<svg class="icon"{}><use href="{}#{}"/></svg>').format(said, asset_url("icons.svg"), name)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("wingman.hub.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "highlight": lambda code, language: Markup(highlight_block(code, language)),
        "bytes": bytes_text,
        "number": count_text,
        "short": short_count,
        "when": when,
        "duration": duration,
        "task": task_text,
        "column_line": describe_column,
        "path": path_quote,
        "segment": segment_quote,
        "shown": shown_name,
        "figures": flight_figures,
    }
    environment.globals |= {"asset": asset_url, "icon": icon}
    return environment


_templates = _environment()


def render(template: str, **values: Any) -> str:
    return _templates.get_template(template).render(**values)
