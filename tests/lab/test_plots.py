"""What plots show when there is too much to show."""

import re

import numpy as np

from wingman.lab.plots import plot_confusion


def test_of_two_hundred_classes_the_most_confused_are_shown(tmp_path):
    counts = np.diag(np.full(200, 5))
    counts[150, 7] = 3
    labels = [f"class {number}" for number in range(200)]

    plot_confusion(counts.tolist(), labels, tmp_path / "confusion.svg")
    written = re.findall(r">(class \d+)<", (tmp_path / "confusion.svg").read_text("utf-8"))

    assert len(set(written)) == 60
    assert {"class 7", "class 150"} <= set(written)
    assert "The 60 of 200 classes with the most mistakes" in (tmp_path / "confusion.svg").read_text("utf-8")


def test_few_classes_carry_their_counts(tmp_path):
    plot_confusion([[41, 2], [3, 54]], ["bad", "good"], tmp_path / "confusion.svg")
    written = (tmp_path / "confusion.svg").read_text("utf-8")
    assert all(f">{count}<" in written for count in (41, 2, 3, 54))
    assert "classes with" not in written
