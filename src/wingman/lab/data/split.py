"""Dividing rows into train, validation and test.

The division depends on each row's *content*, not on its place: the same text falls in the same split when rows
are added, removed or reordered. That is what lets a second flight on grown data be compared with the first
one on test rows that neither has trained on.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from wingman.lab.data.model import SPLITS


def split_rows(
    keys: Sequence[str],
    labels: Sequence[str],
    *,
    given: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
    validation: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
) -> np.ndarray:
    """Name each row's split.

    keys:   what a row is, as text; rows with equal keys always stay together.
    labels: classes to be represented in each split in proportion.
    given:  splits the source states; they are kept. A missing test or validation part is cut from train.
    groups: documents whose rows must stay together (then proportions hold for documents, not exactly for rows).
    Returns (n,) object: "train", "validation" or "test".
    """
    split = np.full(len(keys), "", dtype=object) if given is None else given.copy()
    free = split == "" if given is None else split == "train"
    if given is not None:
        split[free] = ""
        test = 0.0 if (given == "test").any() else test
        validation = 0.0 if (given == "validation").any() else validation
    together = list(groups) if groups is not None else list(keys)
    by_unit: dict[str, list[int]] = {}
    for position in np.flatnonzero(free):
        by_unit.setdefault(str(together[position]), []).append(int(position))
    for label_units in _units_by_label(by_unit, labels).values():
        _cut(label_units, by_unit, split, test=test, validation=validation, seed=seed)
    _train_every_class(by_unit, labels, split, seed)
    return split


def _units_by_label(by_unit: dict[str, list[int]], labels: Sequence[str]) -> dict[str, list[str]]:
    """Put each unit (a text, or a document) under the label most of its rows have."""
    units: dict[str, list[str]] = {}
    for unit, positions in by_unit.items():
        own = [labels[position] for position in positions]
        units.setdefault(max(sorted(set(own)), key=own.count), []).append(unit)
    return units


def _cut(
    units: list[str],
    by_unit: dict[str, list[int]],
    split: np.ndarray,
    *,
    test: float,
    validation: float,
    seed: int,
) -> None:
    """Order units by a hash of their content; the first go to test, the next to validation, the rest to train."""
    units = sorted(units, key=lambda unit: _turn(unit, seed))
    total = sum(len(by_unit[unit]) for unit in units)
    wanted = {"test": round(total * test), "validation": round(total * validation)}
    if len(units) >= 3:  # with three or more texts, every class is measured
        wanted = {
            name: max(count, 1) if share else 0
            for (name, count), share in zip(wanted.items(), (test, validation), strict=True)
        }
    filled = {"test": 0, "validation": 0}
    for unit in units:
        positions = by_unit[unit]
        name = next((name for name in filled if filled[name] < wanted[name]), "train")
        if name in filled:
            filled[name] += len(positions)
        split[positions] = name


def _train_every_class(
    by_unit: dict[str, list[int]], labels: Sequence[str], split: np.ndarray, seed: int
) -> None:
    """Give train a unit of each class that it would never show: where a class lives in one or two documents.

    Of the units with such a class it is the last by hash, so that another one, if there is any, still measures it.
    """
    trained = {label for label, name in zip(labels, split, strict=True) if name == "train"}
    for label in sorted(set(labels)):
        if label in trained:
            continue
        units = [unit for unit, rows in by_unit.items() if any(labels[row] == label for row in rows)]
        if units:
            rows = by_unit[max(units, key=lambda unit: _turn(unit, seed))]
            split[rows] = "train"
            trained |= {labels[row] for row in rows}


def _turn(unit: str, seed: int) -> bytes:
    """Where a unit stands in the order by hash."""
    return hashlib.sha256(f"{seed}\0{unit}".encode("utf-8", "surrogatepass")).digest()


def count_rows(split: np.ndarray) -> dict[str, int]:
    """How many rows each split has, in the usual order."""
    return {name: int((split == name).sum()) for name in SPLITS}
