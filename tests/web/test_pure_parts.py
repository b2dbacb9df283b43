"""Parts of the pages that know no web: counts that may be late, charts, diffs, results of cards; and doctests."""

import doctest
import importlib
import threading

import pytest

from wingman.hub.web.charts import MAX_POINTS, line_chart
from wingman.hub.web.counted import MAX_WAITING, Counted
from wingman.hub.web.diffs import MAX_ROWS, parse_diff
from wingman.hub.web.results import flight_figures, parse_results


@pytest.mark.parametrize(
    "name", ["charts", "page", "templating", "results", "finding", "diffs", "table_pages"]
)
def test_the_examples_in_the_code_are_true(name: str):
    assert doctest.testmod(importlib.import_module(f"wingman.hub.web.{name}")).failed == 0


def test_a_count_is_kept_and_renewed_in_the_background():
    time, counts = [0.0], iter([1, 2])
    counted: Counted[int] = Counted(fresh_s=20, clock=lambda: time[0])

    assert counted.get("key", lambda: next(counts), patience_s=5) == 1
    assert counted.get("key", lambda: next(counts), patience_s=5) == 1
    time[0] = 30
    assert counted.get("key", lambda: next(counts), patience_s=5) == 1  # stale, but at once
    counted.close()
    assert counted.get("key", lambda: 9, patience_s=5) == 2


def test_a_list_does_not_wait_long_for_a_count():
    go = threading.Event()
    counted: Counted[int] = Counted()

    def slow() -> int:
        go.wait(10)
        return 5

    assert counted.get("key", slow, patience_s=0.01) is None
    go.set()
    assert counted.get("key", slow, patience_s=5) == 5


def test_endless_searches_are_not_all_counted():
    """Each takes half a second of a large Hub: a stranger could keep it counting for days."""
    go, counted, begun = threading.Event(), Counted[int](), []

    for number in range(MAX_WAITING + 50):
        assert counted.get(number, lambda: begun.append(1) or int(go.wait(10)), patience_s=0) is None
    go.set()
    counted.close()

    assert len(begun) <= MAX_WAITING
    assert counted.get("key", lambda: 3, patience_s=5) == 3


def test_a_count_that_fails_is_tried_again():
    counted: Counted[int] = Counted()

    with pytest.raises(ZeroDivisionError):
        counted.get("key", lambda: 1 // 0, patience_s=5)

    assert counted.get("key", lambda: 3, patience_s=5) == 3


def test_a_chart_fits_its_frame_and_thins_long_series():
    chart = line_chart({"loss": [(at, 1 / at) for at in range(1, 5000)], "empty": []})

    assert chart is not None
    (line,) = chart.lines
    points = [tuple(map(float, pair.split(","))) for pair in line.points.split()]
    assert len(points) <= MAX_POINTS + 1
    assert all(chart.left <= x <= chart.right and 0 <= y <= chart.bottom for x, y in points)
    assert points[-1] == line.last


@pytest.mark.parametrize("series", [{}, {"a": []}, {"a": [(1, float("nan"))]}, {"a": [(1, float("inf"))]}])
def test_there_is_no_chart_of_nothing(series: dict):
    assert line_chart(series) is None


@pytest.mark.parametrize(
    "values", [[(1, 5)], [(1, 5), (2, 5)], [(0, -1e12), (1, 1e12)], [(1, 1e-12), (2, 2e-12)]]
)
def test_odd_ranges_are_drawn_too(values: list[tuple[float, float]]):
    chart = line_chart({"a": values})

    assert chart is not None
    assert len(chart.y_ticks) < 30


def test_a_diff_becomes_numbered_rows():
    text = (
        "diff --git a/x.txt b/x.txt\nindex 1..2 100644\n--- a/x.txt\n+++ b/x.txt\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n"
        "diff --git a/b.bin b/b.bin\nnew file mode 100644\nBinary files /dev/null and b/b.bin differ\n"
    )

    changed, binary = parse_diff(text).files

    assert [(row.kind, row.old, row.new, row.text) for row in changed.rows][1:] == [
        ("same", 1, 1, "same"),
        ("del", 2, None, "old"),
        ("add", None, 2, "new"),
    ]
    assert (binary.path, binary.state, binary.rows) == ("b.bin", "binary", ())


def test_an_endless_diff_is_cut():
    lines = "".join(f"+line {number}\n" for number in range(2 * MAX_ROWS))
    text = f"diff --git a/x b/x\n@@ -0,0 +1,{2 * MAX_ROWS} @@\n{lines}diff --git a/y b/y\n@@ -0,0 +1 @@\n+y\n"

    diff = parse_diff(text)

    assert diff.is_cut
    assert sum(len(file.rows) for file in diff.files) == MAX_ROWS


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"model-index": 3},
        {"model-index": [3]},
        {"model-index": [{"results": {}}]},
        {"model-index": [{"results": [{"metrics": [{"value": "x"}]}]}]},
    ],
)
def test_malformed_results_are_passed_over(card: dict):
    assert parse_results(card) == []


def test_results_come_with_their_intervals():
    metric = {"type": "accuracy", "value": 0.87, "args": {"low": 0.86, "high": 0.88}}
    card = {
        "model-index": [
            {"name": "m", "results": [{"task": {"type": "t"}, "dataset": {"name": "d"}, "metrics": [metric]}]}
        ]
    }

    (result,) = parse_results(card)

    assert (result.shown, result.interval, result.is_share) == ("0.870", "0.860 – 0.880", True)


@pytest.mark.parametrize(
    "result", [None, {}, {"metrics": 3}, {"metrics": {"accuracy": {"value": "x"}}}, {"revision": 5}, []]
)
def test_what_flights_say_is_never_trusted(result: object):
    figures = flight_figures(result)

    assert (figures.accuracy, figures.baseline, figures.p_value, figures.revision) == (None, None, None, "")
