"""Accuracy, precision, recall, F1, AUC and calibration of a classifier, with bootstrap intervals.

Shapes: n rows, k classes, b resamples. Classes are integers 0..k-1.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
# What the numbers mean, so that another program can be held to them.
SIGNATURE = (
    "wingman.lab.metrics.classification v1: percentile bootstrap, 1000 resamples of rows (of "
    "documents where rows share one), "
    "95 %; F1 of a class without predictions and without rows is 0; AUC one-vs-rest, ties counted "
    "half; ECE in 10 equal-width bins"
)


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        return {name: round(float(number), 6) for name, number in asdict(self).items()}

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def confusion_matrix(
    truth: np.ndarray, predicted: np.ndarray, num_classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """(k, k) counts, rows are true classes, columns predicted ones; `weights` (n,) count a row several times."""
    cells = truth * num_classes + predicted
    return np.bincount(cells, weights=weights, minlength=num_classes**2).reshape(num_classes, num_classes)


def summarise(confusion: np.ndarray) -> dict[str, float]:
    """The overall figures of a confusion matrix. Macro averages run over classes that have rows."""
    per_class = per_class_figures(confusion)
    support = confusion.sum(axis=1)
    present = support > 0
    share = support / max(support.sum(), 1)
    figures = {"accuracy": float(np.trace(confusion) / max(confusion.sum(), 1))}
    for name, values in per_class.items():
        figures[f"{name}_macro"] = float(values[present].mean()) if present.any() else 0.0
        figures[f"{name}_weighted"] = float((values * share).sum())
    return figures


def per_class_figures(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """precision, recall and f1, each (k,); 0 where there is nothing to divide by."""
    right = np.diag(confusion).astype(float)
    precision = _divide(right, confusion.sum(axis=0))
    recall = _divide(right, confusion.sum(axis=1))
    return {
        "precision": precision,
        "recall": recall,
        "f1": _divide(2 * precision * recall, precision + recall),
    }


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros_like(above, dtype=float), where=below > 0)


def auc(truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the ROC curve; with more than two classes the mean of one-vs-rest over classes that can be scored.

    probabilities: (n, k). Returns NaN when no class has both members and non-members.
    """
    orders = _score_orders(probabilities)
    return _auc_of_orders(truth, orders, np.ones(len(truth)) if weights is None else weights)


def _score_orders(probabilities: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """For each class to score: (class, order of rows by score, starts of runs of equal scores in that order)."""
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    orders = []
    for number in classes:
        order = np.argsort(probabilities[:, number], kind="stable")
        scores = probabilities[order, number]
        orders.append((number, order, np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])))
    return orders


def _auc_of_orders(
    truth: np.ndarray, orders: list[tuple[int, np.ndarray, np.ndarray]], weights: np.ndarray
) -> float:
    areas = []
    for number, order, starts in orders:
        member = truth[order] == number
        positive = np.add.reduceat(weights[order] * member, starts)
        negative = np.add.reduceat(weights[order] * ~member, starts)
        if positive.sum() > 0 and negative.sum() > 0:
            below = np.cumsum(negative) - negative
            areas.append(float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum())))
    return float(np.mean(areas)) if areas else float("nan")


@dataclass(frozen=True)
class CalibrationBin:
    """Rows whose confidence lies in (low, high]: how many, how confident, how often right."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


def calibration_bins(
    confidence: np.ndarray, right: np.ndarray, weights: np.ndarray | None = None, bins: int = 10
) -> list[CalibrationBin]:
    """Equal-width bins over the confidence of the chosen class; empty ones are left out."""
    weights = np.ones(len(confidence)) if weights is None else weights
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows = np.bincount(number, weights=weights, minlength=bins)
    sure = _divide(np.bincount(number, weights=weights * confidence, minlength=bins), rows)
    hit = _divide(np.bincount(number, weights=weights * right, minlength=bins), rows)
    return [
        CalibrationBin(
            index / bins, (index + 1) / bins, int(rows[index]), float(sure[index]), float(hit[index])
        )
        for index in range(bins)
        if rows[index]
    ]


def expected_calibration_error(bins: list[CalibrationBin]) -> float:
    """Mean gap between confidence and accuracy, weighted by rows (Guo et al. 2017, section 2)."""
    total = sum(bin.rows for bin in bins)
    return sum(bin.rows * abs(bin.confidence - bin.accuracy) for bin in bins) / max(total, 1)


def resample_weights(
    num_rows: int, groups: np.ndarray | None, resamples: int, seed: int
) -> Iterator[np.ndarray]:
    """How often each row is drawn, (n,), once a resample. `groups` (n,) integers: whole documents are drawn."""
    random = np.random.default_rng(seed)
    units = num_rows if groups is None else int(groups.max()) + 1
    for _ in range(resamples):
        drawn = np.bincount(random.integers(0, units, units), minlength=units).astype(float)
        yield drawn if groups is None else drawn[groups]


def interval(values: np.ndarray) -> tuple[float, float]:
    """Percentile interval, ignoring resamples in which a figure was not defined."""
    defined = values[np.isfinite(values)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def evaluate_classifier(
    truth: np.ndarray,
    probabilities: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Every figure of a classifier on one set of rows.

    truth: (n,) int; probabilities: (n, k), rows sum to 1; groups: (n,) int, the document of each row.
    Returns {"metrics": {name: Estimate}, "per_class": [{figures}], "confusion": [[int]], "calibration": [bins]}.
    """
    num_classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    right = (predicted == truth).astype(float)
    squared = ((probabilities - np.eye(num_classes)[truth]) ** 2).sum(axis=1)
    orders = _score_orders(probabilities)

    def figures(weights: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        confusion = confusion_matrix(truth, predicted, num_classes, weights)
        overall = summarise(confusion)
        overall["roc_auc"] = _auc_of_orders(truth, orders, weights)
        overall["calibration_error"] = expected_calibration_error(
            calibration_bins(confidence, right, weights)
        )
        overall["brier"] = float((squared * weights).sum() / weights.sum())
        return overall, np.stack(list(per_class_figures(confusion).values()))

    point, per_class_point = figures(np.ones(len(truth)))
    drawn: dict[str, list[float]] = {name: [] for name in point}
    drawn_classes: list[np.ndarray] = []
    for done, weights in enumerate(resample_weights(len(truth), groups, resamples, seed)):
        overall, per_class = figures(weights)
        for name, value in overall.items():
            drawn[name].append(value)
        drawn_classes.append(per_class)
        if done % 100 == 0:
            progress(done, resamples)
    metrics = {name: Estimate(value, *interval(np.array(drawn[name]))) for name, value in point.items()}
    return {
        "metrics": metrics,
        "per_class": _per_class_estimates(per_class_point, np.stack(drawn_classes), truth),
        "confusion": confusion_matrix(truth, predicted, num_classes).astype(int).tolist(),
        "calibration": [asdict(bin) for bin in calibration_bins(confidence, right)],
    }


def _per_class_estimates(point: np.ndarray, drawn: np.ndarray, truth: np.ndarray) -> list[dict[str, Any]]:
    """point: (3, k); drawn: (b, 3, k)."""
    rows = []
    for number in range(point.shape[1]):
        figures: dict[str, Any] = {"rows": int((truth == number).sum())}
        for index, name in enumerate(("precision", "recall", "f1")):
            figures[name] = Estimate(
                float(point[index, number]), *interval(drawn[:, index, number])
            ).as_dict()
        rows.append(figures)
    return rows
