"""Two flights side by side: figures, and the paired test exactly where the Hub has what it needs."""

import pytest
from scipy.stats import binomtest

from wingman.hub.flights.comparing import Outcome, compare_reports, mcnemar_p

RECIPE = {
    "task": "text-classification",
    "data": {"digest": "d1", "columns": {"text": "t", "label": "l"}, "splits": "by content", "test": 0.2},
    "training": {"seed": 0},
}


def outcome(
    name: str, wrong: range | list[int], *, listed: int | None = None, rows: int = 100, **rest: object
) -> Outcome:
    """A flight on 100 test rows that answered the rows `wrong` wrong; `listed` of them are in its worst rows."""
    accuracy = (rows - len(wrong)) / rows
    report = {
        "rows": {"train": 300, "validation": 50, "test": rows},
        "metrics": {"accuracy": {"value": accuracy, "low": accuracy - 0.05, "high": accuracy + 0.05}},
        "confusion": [[rows - len(wrong), len(wrong)], [0, 0]],
    }
    worst = [{"place": f"row {number}"} for number in list(wrong)[:listed]]
    return Outcome(**{"flight_id": name, "report": report, "worst_rows": worst, "recipe": RECIPE, **rest})


def test_figures_stand_side_by_side_with_their_intervals():
    comparison = compare_reports(outcome("a", range(20)), outcome("b", range(10)))

    [pair] = comparison.metrics
    assert pair.name == "accuracy"
    assert pair.first is not None
    assert (pair.first.value, pair.first.low) == (0.8, pytest.approx(0.75))
    assert pair.difference == pytest.approx(0.1)


def test_where_all_mistakes_are_listed_the_paired_test_is_exact():
    """a alone is wrong on rows 5 to 19, b alone on none."""
    comparison = compare_reports(outcome("a", range(20)), outcome("b", range(5)))

    assert comparison.is_same_test
    assert comparison.paired is not None
    assert (comparison.paired.only_first_right, comparison.paired.only_second_right) == (0, 15)
    assert comparison.paired.p_value == pytest.approx(2 / 2**15)
    assert comparison.verdict.startswith("b is better than a: on 100 rows")


def test_a_difference_that_is_noise_is_called_so():
    comparison = compare_reports(outcome("a", range(20)), outcome("b", range(2, 21)))

    assert comparison.paired is not None
    assert not comparison.paired.is_significant
    assert comparison.verdict.startswith("No difference")


def test_with_mistakes_unlisted_there_is_no_paired_test_and_it_says_why():
    comparison = compare_reports(outcome("a", range(40), listed=25), outcome("b", range(5)))

    assert (comparison.is_same_test, comparison.paired) == (True, None)
    assert "does not have their answers row by row" in comparison.verdict
    assert "do not overlap; the second one has the higher figure" in comparison.verdict


def test_other_data_is_another_test():
    elsewhere = {**RECIPE, "data": {**RECIPE["data"], "digest": "d2"}}

    comparison = compare_reports(outcome("a", range(20)), outcome("b", range(18), recipe=elsewhere))

    assert (comparison.is_same_test, comparison.paired) == (False, None)
    assert "different rows" in comparison.verdict
    assert "overlap: by themselves they do not say" in comparison.verdict


def test_without_a_recipe_it_cannot_be_told():
    comparison = compare_reports(outcome("a", range(20), recipe=None), outcome("b", range(5)))

    assert (comparison.is_same_test, comparison.paired) == (None, None)
    assert "cannot be told" in comparison.verdict


@pytest.mark.parametrize("swapped", [False, True])
def test_a_flights_own_comparison_with_the_version_before_counts(swapped: bool):
    against = {"previous": "v1", "rows": 60, "only_first_right": 9, "only_second_right": 1}
    old = outcome("old", range(40), listed=25, repo="alice/mood", version="v1")
    new = outcome("new", range(30), listed=25, repo="alice/mood", version="v2", against=against)

    comparison = compare_reports(*((new, old) if swapped else (old, new)))

    assert comparison.paired is not None
    counts = (comparison.paired.only_first_right, comparison.paired.only_second_right)
    assert counts == ((9, 1) if swapped else (1, 9))
    assert comparison.verdict.startswith("new is better than old: on 60 rows")


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (3, 3), (2, 11), (40, 17), (300, 340)])
def test_the_p_value_is_that_of_the_exact_binomial_test(first: int, second: int):
    expected = binomtest(first, first + second).pvalue if first + second else 1.0

    assert mcnemar_p(first, second) == pytest.approx(expected)


def test_reports_of_another_shape_say_nothing_instead_of_failing():
    comparison = compare_reports(
        Outcome("a", {"metrics": [1], "rows": 3}), Outcome("b", {"metrics": {"accuracy": {"value": "high"}}})
    )

    assert (comparison.metrics, comparison.paired) == ((), None)
    assert "no figure in common" in comparison.verdict
