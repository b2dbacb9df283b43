"""Figures agree with scikit-learn's, intervals cover, tests of significance are exact."""

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from wingman.lab.events import Events
from wingman.lab.metrics.classification import (
    auc,
    calibration_bins,
    confusion_matrix,
    evaluate_classifier,
    expected_calibration_error,
    summarise,
)
from wingman.lab.metrics.paired import mcnemar
from wingman.lab.metrics.slices import wilson, worst_slices
from wingman.lab.run import Run


def make_answers(n=400, k=3, seed=0):
    random = np.random.default_rng(seed)
    truth = random.integers(0, k, n)
    scores = random.random((n, k)) + np.eye(k)[truth] * 0.6
    return truth, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k", [2, 3, 7])
def test_figures_agree_with_scikit_learn(k):
    truth, scores = make_answers(k=k)
    predicted = scores.argmax(axis=1)

    figures = summarise(confusion_matrix(truth, predicted, k))

    assert figures["accuracy"] == pytest.approx(reference.accuracy_score(truth, predicted))
    for average in ("macro", "weighted"):
        expected = reference.precision_recall_fscore_support(
            truth, predicted, average=average, zero_division=0
        )[:3]
        assert [figures[f"{name}_{average}"] for name in ("precision", "recall", "f1")] == pytest.approx(
            expected
        )


def test_auc_agrees_with_scikit_learn_with_ties_and_weights():
    truth, scores = make_answers(k=2)
    scores = np.round(scores, 1)
    weights = np.random.default_rng(1).integers(0, 4, len(truth)).astype(float)

    assert auc(truth, scores, weights) == pytest.approx(
        reference.roc_auc_score(truth, scores[:, 1], sample_weight=weights)
    )


def test_auc_of_several_classes_is_the_mean_of_one_against_the_rest():
    truth, scores = make_answers(k=4)

    assert auc(truth, scores) == pytest.approx(reference.roc_auc_score(truth, scores, multi_class="ovr"))


def test_macro_averages_leave_out_classes_without_rows():
    assert summarise(np.array([[4, 0, 0], [0, 4, 0], [0, 0, 0]]))["f1_macro"] == 1.0


def test_the_interval_of_accuracy_is_about_the_binomial_one():
    truth, scores = make_answers(n=1000)
    accuracy = evaluate_classifier(truth, scores)["metrics"]["accuracy"]
    half = 1.96 * np.sqrt(accuracy.value * (1 - accuracy.value) / 1000)

    # 1,000 resamples place a 2.5 % quantile within a tenth of the interval's width.
    assert accuracy.high - accuracy.low == pytest.approx(2 * half, rel=0.1)
    assert accuracy.low < accuracy.value < accuracy.high


def test_rows_that_share_documents_have_wider_intervals():
    truth, scores = make_answers(n=100, k=2)
    truth, scores, groups = np.repeat(truth, 8), np.repeat(scores, 8, axis=0), np.repeat(np.arange(100), 8)

    by_rows = evaluate_classifier(truth, scores)["metrics"]["accuracy"]
    by_documents = evaluate_classifier(truth, scores, groups=groups)["metrics"]["accuracy"]

    # Eight equal rows carry the information of one: sqrt(8) times the width.
    assert (by_documents.high - by_documents.low) / (by_rows.high - by_rows.low) == pytest.approx(
        np.sqrt(8), rel=0.2
    )


def test_the_same_seed_gives_the_same_intervals():
    truth, scores = make_answers()

    assert (
        evaluate_classifier(truth, scores, seed=3)["metrics"]
        == evaluate_classifier(truth, scores, seed=3)["metrics"]
    )


def test_calibration_error_is_zero_for_an_honest_model_and_large_for_a_boaster():
    right = np.array([1.0] * 80 + [0.0] * 20)

    assert expected_calibration_error(calibration_bins(np.full(100, 0.8), right)) == pytest.approx(0.0)
    assert expected_calibration_error(calibration_bins(np.full(100, 1.0), right)) == pytest.approx(0.2)


def test_mcnemar_is_the_exact_binomial_test():
    first = np.array([True] * 8 + [False] * 2 + [True] * 50)
    second = np.array([False] * 8 + [True] * 2 + [True] * 50)

    paired = mcnemar(first, second)

    # 2 * P(X <= 2), X ~ B(10, 1/2) = 2 * (1 + 10 + 45) / 1024
    assert paired.p_value == pytest.approx(112 / 1024)
    assert paired.in_words("A", "B").startswith("No difference between A and B")


def test_mcnemar_says_which_one_is_better():
    first, second = np.array([False] * 40 + [True] * 10), np.array([True] * 40 + [True] * 10)

    assert mcnemar(first, second).in_words("v2", "v1").startswith("v1 is better than v2")
    words = mcnemar(first, second).in_words("the new one", "the old one")
    assert words.startswith(
        f"The old one is better than the new one: {second.mean():.3f} against {first.mean():.3f}"
    )


def test_models_that_never_disagree_do_not_differ():
    same = np.array([True, False, True])

    assert mcnemar(same, same).p_value == 1.0


def test_mcnemar_says_what_it_does_not_know_of_rows_that_share_documents():
    paired = mcnemar(np.array([True] * 10), np.array([False] * 10))

    words = paired.in_words("the new one", "the old one", share_documents=True)

    assert words.startswith(paired.in_words("the new one", "the old one"))
    assert "rows of one document are not: p may be too small" in words


def test_a_weak_slice_is_found_and_a_small_one_is_not_judged():
    right = np.array([True] * 900 + [False] * 60 + [True] * 40 + [False] * 10)
    truth = np.array([0] * 900 + [1] * 100 + [2] * 10)

    names = [found["slice"] for found in worst_slices(right, truth, np.full(1010, 5), ["a", "b", "c"])]

    assert names == ["class “b”"]


def test_wilson_stays_inside_zero_and_one():
    assert wilson(0, 5)[0] == 0.0
    assert wilson(5, 5)[1] == pytest.approx(1.0)


def test_a_card_names_the_classes_that_were_never_found():
    from wingman.lab.steps.card import _never_right

    def figures(rows: int, recall: float) -> dict:
        return {"rows": rows, "recall": {"value": recall}}

    per_class = {"often": figures(90, 0.9), "tea": figures(2, 0.0), "a|b": figures(1, 0.0), "unseen": figures(0, 0.0)}

    assert _never_right(per_class) == ["- Never right on `tea`, `a|b`: 3 test rows in all."]
    many = {f"c{number}": figures(1, 0.0) for number in range(12)}
    assert _never_right(many)[0].endswith("`c9` and 2 more: 12 test rows in all.")
    assert _never_right({"often": figures(90, 0.9)}) == []


def test_a_figure_that_is_not_defined_is_null_in_every_file_and_a_dash_on_the_card(tmp_path):
    from wingman.lab.steps.card import _with_interval

    of_one_class = evaluate_classifier(np.zeros(30, dtype=int), np.full((30, 2), 0.5), resamples=20)
    estimate = of_one_class["metrics"]["roc_auc"]
    report = Run(tmp_path).write_json(estimate.as_dict(), "report.json")
    Events(tmp_path / "events.jsonl").metric("test_roc_auc", estimate.value, 0)

    written = json.loads(report.read_text(), parse_constant=pytest.fail)
    event = json.loads((tmp_path / "events.jsonl").read_text(), parse_constant=pytest.fail)

    assert written == {"value": None, "low": None, "high": None}
    assert event["value"] is None
    assert _with_interval(written) == "–"
