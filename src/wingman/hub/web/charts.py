"""The geometry of small charts: numbers in, coordinates and labels out. Templates draw them as inline SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

MAX_POINTS = 400
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 560, 200, 46, 24, 8, 10


@dataclass(frozen=True, slots=True)
class Tick:
    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: str
    """As `<polyline points>` takes it."""
    last: tuple[float, float]
    last_value: float


@dataclass(frozen=True, slots=True)
class LineChart:
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    bottom: int = _HEIGHT - _BOTTOM
    right: int = _WIDTH - _RIGHT


def line_chart(series: Mapping[str, Sequence[tuple[float, float]]]) -> LineChart | None:
    """Series of (x, y), each by its name; None where there is nothing to draw."""
    finite = {
        name: [(x, y) for x, y in points if isfinite(x) and isfinite(y)] for name, points in series.items()
    }
    drawn = {name: points for name, points in finite.items() if points}
    if not drawn:
        return None
    xs = [x for points in drawn.values() for x, _ in points]
    ys = [y for points in drawn.values() for _, y in points]
    x_ticks, y_ticks = _ticks(min(xs), max(xs), 5), _ticks(min(ys), max(ys), 4)
    x_low, x_high = min(xs), max(xs)
    y_low, y_high = min([*ys, *y_ticks]), max([*ys, *y_ticks])

    def at_x(value: float) -> float:
        return round(_LEFT + (value - x_low) / ((x_high - x_low) or 1) * (_WIDTH - _LEFT - _RIGHT), 1)

    def at_y(value: float) -> float:
        return round(
            _HEIGHT - _BOTTOM - (value - y_low) / ((y_high - y_low) or 1) * (_HEIGHT - _BOTTOM - _TOP), 1
        )

    return LineChart(
        lines=tuple(
            Line(
                name=name,
                points=" ".join(f"{at_x(x)},{at_y(y)}" for x, y in _thinned(points)),
                last=(at_x(points[-1][0]), at_y(points[-1][1])),
                last_value=points[-1][1],
            )
            for name, points in drawn.items()
        ),
        x_ticks=tuple(Tick(at_x(value), f"{value:g}") for value in x_ticks if x_low <= value <= x_high),
        y_ticks=tuple(Tick(at_y(value), f"{value:.4g}") for value in y_ticks),
    )


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `MAX_POINTS`, evenly chosen, the last one always among them."""
    step = max(1, -(-len(points) // MAX_POINTS))
    chosen = list(points[::step])
    return chosen if chosen[-1] == points[-1] else [*chosen, points[-1]]


def _ticks(low: float, high: float, number: int) -> list[float]:
    """Round values that lie around `low`..`high`.

    >>> _ticks(0.12, 0.71, 4)
    [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    if low == high:
        return [low]
    rough = (high - low) / number
    magnitude = 10.0 ** floor(log10(rough))
    step = next(
        (factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough), 10 * magnitude
    )
    first = floor(low / step)
    values: list[float] = []
    while first * step < high + step * 0.999 and len(values) < 20:
        values.append(round(first * step, 12))
        first += 1
    return values


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a value lies along a row of `width`; the same for every row of a table, so that rows compare."""

    low: float
    high: float
    ticks: tuple[Tick, ...]
    width: int = 240

    def at(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(_MARGIN + min(1.0, max(0.0, share)) * (self.width - 2 * _MARGIN), 1)


_MARGIN = 15


def scale_over(values: Sequence[float]) -> Scale | None:
    """A scale that reaches over these values from one round number to another; None where there are none.

    >>> scale = scale_over([0.713, 0.811])
    >>> scale.low, scale.high, [tick.label for tick in scale.ticks]
    (0.7, 0.85, ['0.7', '0.75', '0.8', '0.85'])
    """
    finite = [value for value in values if isfinite(value)]
    if not finite:
        return None
    ticks = _ticks(min(finite), max(finite), 4)
    if len(ticks) == 1:
        ticks = [ticks[0] - 0.5, ticks[0], ticks[0] + 0.5]
    scale = Scale(ticks[0], ticks[-1], ())
    return Scale(scale.low, scale.high, tuple(Tick(scale.at(value), f"{value:.4g}") for value in ticks))


def shade(share: float) -> int:
    """One of six steps of lightness, for a share between 0 and 1.

    >>> shade(0), shade(0.03), shade(1)
    (0, 1, 5)
    """
    return 0 if share <= 0 else min(5, 1 + int(share * 5))
