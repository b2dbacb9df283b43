"""Where a classifier is weak: accuracy by length, by class and by confused pair, worst first."""

import itertools
import math
from typing import Any

import numpy as np

MIN_ROWS = 20


def wilson(right: int, rows: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share, sound for few rows (Wilson 1927)."""
    if rows == 0:
        return 0.0, 1.0
    share = right / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return max(0.0, middle - half), min(1.0, middle + half)


def worst_slices(
    right: np.ndarray, truth: np.ndarray, lengths: np.ndarray, labels: list[str], limit: int = 8
) -> list[dict[str, Any]]:
    """Slices whose interval lies wholly below the overall accuracy, worst first; those under 20 rows are not judged.

    right: (n,) bool; truth: (n,) int; lengths: (n,) words in each text.
    """
    overall = float(right.mean())
    named: list[tuple[str, np.ndarray]] = [
        (f"class “{name}”", truth == number) for number, name in enumerate(labels)
    ]
    edges = np.unique(np.quantile(lengths, [0, 0.25, 0.5, 0.75, 1.0]))
    for low, high in itertools.pairwise(edges):
        inside = (lengths >= low) & ((lengths < high) if high < edges[-1] else (lengths <= high))
        named.append((f"{int(low)} to {int(high)} words", inside))
    slices: list[dict[str, Any]] = []
    for name, mask in named:
        rows = int(mask.sum())
        if rows < MIN_ROWS:
            continue
        low, high = wilson(int(right[mask].sum()), rows)
        slices.append(
            {"slice": name, "rows": rows, "accuracy": float(right[mask].mean()), "low": low, "high": high}
        )
    weak = [found for found in slices if found["high"] < overall]
    return sorted(weak, key=lambda found: found["accuracy"])[:limit]


def confused_pairs(confusion: list[list[int]], labels: list[str], limit: int = 8) -> list[dict[str, Any]]:
    """The most frequent mistakes: true class, class said instead, how often."""
    matrix = np.array(confusion)
    np.fill_diagonal(matrix, 0)
    order = np.argsort(matrix, axis=None)[::-1][:limit]
    pairs = [divmod(int(cell), len(labels)) for cell in order]
    return [
        {"true": labels[row], "predicted": labels[column], "rows": int(matrix[row, column])}
        for row, column in pairs
        if matrix[row, column]
    ]
