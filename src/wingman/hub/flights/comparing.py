"""Two finished flights side by side: figures with their intervals, and the paired test where the rows are known.

The Hub keeps what a flight reported, not its predictions row by row. A paired test is therefore possible in two
cases: the later flight compared itself with the earlier one's published version, or both were tested on the
same rows and made so few mistakes that their lists of worst rows hold all of them. Otherwise that is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one flight left. `report`: its report.json. `worst_rows`: worst_rows.json. `recipe`: recipe.yaml, parsed.

    version: `namespace/name@v1` that it published. against: its own comparison with an earlier version.
    """

    flight_id: str
    report: Mapping[str, Any]
    worst_rows: Sequence[Mapping[str, Any]] | None = None
    recipe: Mapping[str, Any] | None = None
    repo: str | None = None
    version: str | None = None
    against: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def overlaps(self, other: "Estimate") -> bool:
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True, slots=True)
class MetricPair:
    """One figure of both flights; None where a flight did not measure it."""

    name: str
    first: Estimate | None
    second: Estimate | None

    @property
    def difference(self) -> float | None:
        """Second minus first."""
        return None if self.first is None or self.second is None else self.second.value - self.first.value


@dataclass(frozen=True, slots=True)
class PairedTest:
    """McNemar's exact test over `rows` that both were asked: how many each alone got right."""

    rows: int
    only_first_right: int
    only_second_right: int
    p_value: float
    source: str
    """Where the pairs come from, in words."""

    @property
    def is_significant(self) -> bool:
        return self.p_value < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Comparison:
    """is_same_test: both were tested on the same rows; None where that cannot be told. verdict: all of it in words."""

    first_id: str
    second_id: str
    metrics: tuple[MetricPair, ...]
    is_same_test: bool | None
    paired: PairedTest | None
    verdict: str


def compare_reports(first: Outcome, second: Outcome) -> Comparison:
    metrics = tuple(_pairs(first.report.get("metrics"), second.report.get("metrics")))
    same = _is_same_test(first, second)
    paired = _own_comparison(first, second) or (_from_mistakes(first, second) if same else None)
    return Comparison(
        first.flight_id,
        second.flight_id,
        metrics,
        same,
        paired,
        _verdict(metrics, same, paired, first, second),
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value over the rows on which the two disagree.

    Source: McNemar 1947, Psychometrika 12(2); exact form as in Dietterich 1998, section 3.1.

    >>> mcnemar_p(0, 6)
    0.03125
    """
    trials, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(trials, count) for count in range(fewer + 1))
    return min(1.0, 2 * tail / 2**trials)


def _pairs(first: Any, second: Any) -> Iterator[MetricPair]:
    first, second = (given if isinstance(given, Mapping) else {} for given in (first, second))
    for name in [*first, *(name for name in second if name not in first)]:
        pair = MetricPair(name, _estimate(first.get(name)), _estimate(second.get(name)))
        if pair.first is not None or pair.second is not None:
            yield pair


def _estimate(figure: Any) -> Estimate | None:
    if not isinstance(figure, Mapping):
        return None
    values = [figure.get(name) for name in ("value", "low", "high")]
    if not all(isinstance(value, int | float) for value in values):
        return None
    return Estimate(*map(float, values))  # type: ignore[arg-type]


def _is_same_test(first: Outcome, second: Outcome) -> bool | None:
    if first.recipe is None or second.recipe is None:
        return None
    return _what_decides_the_test(first.recipe) == _what_decides_the_test(second.recipe)


def _what_decides_the_test(recipe: Mapping[str, Any]) -> tuple[Any, ...]:
    """The split depends on the rows' content, their roles, the shares and the seed."""
    data = _mapping(recipe.get("data"))
    seed = _mapping(recipe.get("training")).get("seed")
    return (
        recipe.get("task"),
        seed,
        *(data.get(name) for name in ("digest", "columns", "splits", "validation", "test", "repair")),
    )


def _own_comparison(first: Outcome, second: Outcome) -> PairedTest | None:
    """The later one's flight has asked the earlier one's published graph on rows that neither was trained on."""
    for earlier, later, later_is_second in ((first, second, True), (second, first, False)):
        facts = later.against or {}
        counts = [facts.get(name) for name in ("rows", "only_first_right", "only_second_right")]
        if (
            earlier.repo is not None
            and earlier.repo == later.repo
            and earlier.version is not None
            and facts.get("previous") == earlier.version
            and all(isinstance(count, int) for count in counts)
        ):
            rows, only_later, only_earlier = (int(count) for count in counts if count is not None)
            only_first, only_second = (
                (only_earlier, only_later) if later_is_second else (only_later, only_earlier)
            )
            source = f"{later.flight_id} asked {earlier.repo} {earlier.version} the rows that neither was trained on"
            return PairedTest(rows, only_first, only_second, mcnemar_p(only_first, only_second), source)
    return None


def _from_mistakes(first: Outcome, second: Outcome) -> PairedTest | None:
    """From the places of all mistakes, where both flights list all of them."""
    wrong_first, wrong_second = _all_mistakes(first), _all_mistakes(second)
    if wrong_first is None or wrong_second is None:
        return None
    only_first, only_second = len(wrong_second - wrong_first), len(wrong_first - wrong_second)
    source = "both were tested on the same rows and list every row that they got wrong"
    return PairedTest(
        _num_tested(first) or 0, only_first, only_second, mcnemar_p(only_first, only_second), source
    )


def _all_mistakes(outcome: Outcome) -> set[str] | None:
    """The places of every row that was answered wrong; None unless they are all known."""
    confusion = outcome.report.get("confusion")
    tested = _num_tested(outcome)
    if outcome.worst_rows is None or tested is None or not isinstance(confusion, list):
        return None
    num_right = sum(row[number] for number, row in enumerate(confusion))
    places = {str(row.get("place")) for row in outcome.worst_rows}
    return places if len(places) == len(outcome.worst_rows) == tested - num_right else None


def _num_tested(outcome: Outcome) -> int | None:
    rows = _mapping(outcome.report.get("rows")).get("test")
    return rows if isinstance(rows, int) else None


def _verdict(
    metrics: Sequence[MetricPair],
    same: bool | None,
    paired: PairedTest | None,
    first: Outcome,
    second: Outcome,
) -> str:
    if paired is not None:
        counts = (
            f"on {paired.rows:,} rows {first.flight_id} alone is right {paired.only_first_right:,} times, "
            f"{second.flight_id} alone {paired.only_second_right:,} times, McNemar p = {paired.p_value:.2g}"
        )
        if not paired.is_significant:
            return f"No difference between the two that these rows can show: {counts}."
        better, worse = first.flight_id, second.flight_id
        if paired.only_second_right > paired.only_first_right:
            better, worse = worse, better
        return f"{better} is better than {worse}: {counts}."
    return f"{_why_unpaired(same)} {_from_intervals(metrics)}"


def _why_unpaired(same: bool | None) -> str:
    if same is None:
        return "Whether both were tested on the same rows cannot be told: a recipe is missing."
    if not same:
        return "The two were tested on different rows, so there is no paired test."
    return (
        "Both were tested on the same rows, but the Hub does not have their answers row by row, so there is no "
        "paired test here; evaluation/predictions.parquet of both models has what it needs."
    )


def _from_intervals(metrics: Sequence[MetricPair]) -> str:
    pair = next((pair for pair in metrics if pair.first is not None and pair.second is not None), None)
    if pair is None or pair.first is None or pair.second is None:
        return "They have no figure in common."
    if pair.first.overlaps(pair.second):
        return (
            f"The intervals of {pair.name} overlap: by themselves they do not say which of the two is better."
        )
    better = "first" if pair.first.value > pair.second.value else "second"
    return f"The intervals of {pair.name} do not overlap; the {better} one has the higher figure."


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
