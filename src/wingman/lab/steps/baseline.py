"""baseline: what a cheap classic model reaches on the same rows, so that the flight can say whether it was worth it."""

from typing import Any

import numpy as np

from wingman.lab.events import Events
from wingman.lab.recipe import Recipe
from wingman.lab.run import Run
from wingman.lab.steps.prepare import read_split
from wingman.lab.tasks import find_task

OUTPUTS = ("baseline/scores.npz",)


def baseline(run: Run, recipe: Recipe, events: Events) -> dict[str, Any]:
    """Write `baseline/scores.npz`: `test` and `validation`, each (n, k), in the order of the prepared splits."""
    task = find_task(recipe.task)
    labels = run.read_json("prepared", "labels.json")
    judged = {name: read_split(run, name) for name in ("validation", "test")}
    scores = task.baseline(read_split(run, "train"), judged, len(labels), recipe.training.seed)
    run.path("baseline").mkdir(exist_ok=True)
    np.savez(run.path("baseline", "scores.npz"), **scores)  # type: ignore[arg-type]
    right = scores["test"].argmax(axis=1) == judged["test"]["label"].to_numpy()
    events.metric("baseline_accuracy", float(right.mean()), 0)
    return {
        "model": "TF-IDF of words and pairs of words, logistic regression",
        "accuracy": round(float(right.mean()), 4),
    }
