"""Measured results as cards state them: `model-index`, with the intervals that Wingman's own flights add.

Source: the model card specification of the Hub, `model-index[].results[].metrics[]`; an interval stands among a
metric's arguments as `{"confidence": 0.95, "low": …, "high": …}`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_RESULTS = 200


@dataclass(frozen=True, slots=True)
class Result:
    task: str
    dataset: str
    split: str
    metric: str
    value: float
    low: float | None
    high: float | None

    @property
    def is_share(self) -> bool:
        """Whether it can be drawn as a bar from 0 to 1."""
        return 0 <= self.value <= 1 and (
            self.low is None or self.high is None or 0 <= self.low <= self.high <= 1
        )

    @property
    def shown(self) -> str:
        return f"{self.value:.3f}" if abs(self.value) < 100 else f"{self.value:,.0f}"

    @property
    def interval(self) -> str:
        return "" if self.low is None or self.high is None else f"{self.low:.3f} – {self.high:.3f}"


def parse_results(card: Mapping[str, Any]) -> list[Result]:
    """Every number in a card's `model-index`; whatever is malformed is passed over."""
    return list(_results(card.get("model-index")))[:MAX_RESULTS]


def _results(index: Any) -> Iterator[Result]:
    for entry in _objects(index):
        for result in _objects(entry.get("results")):
            task, dataset = _object(result.get("task")), _object(result.get("dataset"))
            for metric in _objects(result.get("metrics")):
                value = _number(metric.get("value"))
                if value is None:
                    continue
                arguments = _object(metric.get("args"))
                yield Result(
                    task=str(task.get("name") or task.get("type") or ""),
                    dataset=str(dataset.get("name") or dataset.get("type") or ""),
                    split=str(dataset.get("split") or ""),
                    metric=str(metric.get("name") or metric.get("type") or ""),
                    value=value,
                    low=_number(arguments.get("low")),
                    high=_number(arguments.get("high")),
                )


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
    return float(value) if is_number and abs(value) < 1e15 else None


@dataclass(frozen=True, slots=True)
class FlightFigures:
    """What a landed flight says of itself in a line; whatever of it makes no sense is left out."""

    accuracy: Mapping[str, float] | None
    baseline: Mapping[str, float] | None
    p_value: float | None
    revision: str


def flight_figures(result: Any) -> FlightFigures:
    given = _object(result)
    revision = given.get("revision")
    return FlightFigures(
        accuracy=estimate(_object(given.get("metrics")).get("accuracy")),
        baseline=estimate(_object(given.get("baseline")).get("accuracy")),
        p_value=_number(given.get("mcnemar_p")),
        revision=revision if isinstance(revision, str) else "",
    )


def estimate(figure: Any) -> dict[str, float] | None:
    """{"value", "low", "high"}, all of them finite numbers; else None."""
    found = {name: _number(_object(figure).get(name)) for name in ("value", "low", "high")}
    known = {name: value for name, value in found.items() if value is not None}
    return known if len(known) == 3 else None
