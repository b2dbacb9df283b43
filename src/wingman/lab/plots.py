"""The plots of an evaluation as SVG: readable by the colour-blind, in print, and on light and dark pages.

Colours are Okabe & Ito's (2008) blue and vermilion; confusion matrices use one blue whose lightness carries the value.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "wingman"  # the same figure gives the same file
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["text.parse_math"] = False  # labels are people's words: "$" is money there

from matplotlib import pyplot  # noqa: E402 (the backend is chosen first)

_BLUE, _VERMILION, _GREY = "#0072B2", "#D55E00", "#8A8A8A"
_MANY = 25  # classes; beyond them no counts, and small letters
_MOST = 60  # beyond them letters of any size overlap


def _save(figure: Any, path: Path) -> None:
    with warnings.catch_warnings():
        # Labels of any script stay text in the SVG; whoever shows it has the letters that this font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.tight_layout()
        figure.savefig(
            path,
            format=path.suffix[1:],
            facecolor="white",
            metadata={"Date": None} if path.suffix == ".svg" else None,
            dpi=150,
        )
    pyplot.close(figure)


def plot_confusion(confusion: Sequence[Sequence[int]], labels: Sequence[str], path: Path) -> None:
    """Rows: the true class; columns: the predicted one; shade: share of the row. Counts are written where they fit.

    Of more classes than can be read, those with the most mistakes are shown.
    """
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    chosen = most_confused(counts, _MOST)
    size = len(chosen)
    side = min(12.0, 3.2 + 0.45 * size)
    figure, axes = pyplot.subplots(figsize=(side, side * 0.9))
    axes.imshow(shares[np.ix_(chosen, chosen)], cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if size < len(counts):
        axes.set_title(f"The {size} of {len(counts)} classes with the most mistakes")
    ticks = range(size)
    names = [_shorten(labels[number]) for number in chosen]
    small: dict[str, Any] = {"fontsize": 9 if size <= _MANY else 5}
    axes.set_xticks(
        ticks,
        names,
        rotation=45 if size <= 6 else 90,
        ha="right" if size <= 6 else "center",
        **small,
    )
    axes.set_yticks(ticks, names, **small)
    if size <= _MANY:
        for row in ticks:
            for column in ticks:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(
                    column, row, str(counts[row, column]), ha="center", va="center", color=colour, **small
                )
    _save(figure, path)


def most_confused(confusion: np.ndarray, limit: int) -> list[int]:
    """The `limit` classes with the most mistakes made about them or in their name, in the order of the labels.

    >>> most_confused(np.array([[5, 0, 0], [0, 3, 2], [0, 1, 4]]), limit=2)
    [1, 2]
    """
    mistakes = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * np.diag(confusion)
    return sorted(np.argsort(-mistakes, kind="stable")[:limit].tolist())


def plot_calibration(bins: Sequence[dict[str, Any]], path: Path) -> None:
    """How often the model is right (dots, sized by rows) against how sure it says it is; on the line is honest."""
    figure, axes = pyplot.subplots(figsize=(4.6, 4.4))
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="as sure as right")
    total = sum(entry["rows"] for entry in bins)
    sizes = [20 + 400 * entry["rows"] / total for entry in bins]
    axes.scatter(
        [entry["confidence"] for entry in bins],
        [entry["accuracy"] for entry in bins],
        s=sizes,
        color=_BLUE,
        alpha=0.85,
        label="test rows",
    )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="share that is right")
    axes.legend(loc="upper left", frameon=False)
    _save(figure, path)


def plot_comparison(
    metrics: dict[str, dict[str, float]],
    baseline: dict[str, dict[str, float]],
    names: Sequence[str],
    path: Path,
) -> None:
    """Model (dots) and baseline (squares) with 95 % intervals, one line a metric."""
    figure, axes = pyplot.subplots(figsize=(6.4, 0.9 + 0.55 * len(names)))
    for offset, figures, colour, marker, label in (
        (-0.12, metrics, _BLUE, "o", "fine-tuned"),
        (0.12, baseline, _VERMILION, "s", "baseline"),
    ):
        values = [figures[name]["value"] for name in names]
        low = [max(0.0, figures[name]["value"] - figures[name]["low"]) for name in names]
        high = [max(0.0, figures[name]["high"] - figures[name]["value"]) for name in names]
        places = [place + offset for place in range(len(names))]
        axes.errorbar(values, places, xerr=[low, high], fmt=marker, color=colour, capsize=3, label=label)
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.invert_yaxis()
    axes.grid(axis="x", color="#DDDDDD")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def plot_training(history: Sequence[dict[str, Any]], headline: str, path: Path) -> None:
    """Loss while training and on validation, over steps."""
    figure, axes = pyplot.subplots(figsize=(6.4, 3.6))
    trained = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    judged = [(entry["step"], entry["eval_loss"]) for entry in history if "eval_loss" in entry]
    if trained:
        axes.plot(*zip(*trained, strict=True), color=_BLUE, label="training")
    if judged:
        axes.plot(
            *zip(*judged, strict=True), color=_VERMILION, marker="s", linestyle="--", label="validation"
        )
    axes.set(xlabel="step", ylabel="loss")
    axes.legend(frameon=False)
    axes.grid(color="#EEEEEE")
    _save(figure, path)


def _shorten(name: str) -> str:
    return name if len(name) <= 18 else name[:17] + "…"
