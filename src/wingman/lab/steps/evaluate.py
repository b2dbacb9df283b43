"""evaluate: the trained model on the untouched test rows, beside the baseline, every figure with an interval."""

import shutil
from typing import Any

import numpy as np
import pandas as pd

from wingman.lab.events import Events
from wingman.lab.metrics.paired import mcnemar
from wingman.lab.metrics.slices import confused_pairs, worst_slices
from wingman.lab.recipe import Recipe
from wingman.lab.run import Run
from wingman.lab.steps.prepare import read_split
from wingman.lab.tasks import find_task
from wingman.lab.tasks.model import Task

OUTPUTS = ("evaluation", "scores/model.npz")
_WORST = 25


def evaluate(run: Run, recipe: Recipe, events: Events) -> dict[str, Any]:
    """Write `evaluation/`: report.json, predictions.parquet (in the order of the test split), worst_rows.json, plots.

    Also `scores/model.npz`: probabilities on validation and test, for the steps that compare engines with the model.
    """
    task = find_task(recipe.task)
    labels = run.read_json("prepared", "labels.json")
    test = read_split(run, "test")
    scores = _scores_of_model(run, task, events)
    baseline_scores = np.load(run.path("baseline", "scores.npz"))["test"]
    truth, groups = test["label"].to_numpy(), _groups(test)
    events.log("Computing intervals.")
    model = task.evaluate(truth, scores["test"], groups=groups, seed=recipe.training.seed)
    classic = task.evaluate(truth, baseline_scores, groups=groups, seed=recipe.training.seed)
    right, classic_right = scores["test"].argmax(axis=1) == truth, baseline_scores.argmax(axis=1) == truth
    paired = mcnemar(right, classic_right)
    verdict = paired.in_words("the fine-tuned model", "the baseline", share_documents=groups is not None)
    report = {
        "format": 1,
        "task": task.name,
        "labels": labels,
        "rows": run.require("prepare")["summary"]["rows"],
        "test_rows_by": "documents" if groups is not None else "rows",
        "metrics": {name: estimate.as_dict() for name, estimate in model["metrics"].items()},
        "per_class": dict(zip(labels, model["per_class"], strict=True)),
        "confusion": model["confusion"],
        "calibration": model["calibration"],
        "baseline": {
            "model": run.require("baseline")["summary"]["model"],
            "metrics": {name: estimate.as_dict() for name, estimate in classic["metrics"].items()},
            "confusion": classic["confusion"],
        },
        "mcnemar": {**paired.as_dict(), "words": verdict},
        "worst_slices": worst_slices(right, truth, test["text"].str.split().str.len().to_numpy(), labels),
        "confused": confused_pairs(model["confusion"], labels),
        "signature": task.metrics_signature,
    }
    _write(run, report, test, scores["test"], baseline_scores, labels)
    for name, estimate in model["metrics"].items():
        events.metric(f"test_{name}", estimate.value, 0)
    return {
        "accuracy": model["metrics"]["accuracy"].as_dict(),
        "f1_macro": model["metrics"]["f1_macro"].as_dict(),
        "baseline_accuracy": classic["metrics"]["accuracy"].as_dict(),
        "mcnemar_p": paired.p_value,
        "verdict": verdict,
    }


def _scores_of_model(run: Run, task: Task, events: Events) -> dict[str, np.ndarray]:
    import torch
    import transformers

    from wingman.lab.training.batches import EncodedRows
    from wingman.lab.training.precision import keep_freed_memory
    from wingman.lab.training.trainer import predict_in_order

    keep_freed_memory()
    transformers.logging.disable_progress_bar()
    tokenizer = transformers.AutoTokenizer.from_pretrained(run.path("model"))
    model = getattr(transformers, task.auto_class).from_pretrained(run.path("model"), dtype=torch.float32)
    if torch.cuda.is_available():
        model = model.cuda()
    collate = task.make_collator(tokenizer)
    scores = {}
    for split in ("validation", "test"):
        rows = EncodedRows({"input_ids": [ids.tolist() for ids in read_split(run, split)["input_ids"]]})
        outputs = predict_in_order(
            model, rows, collate, progress=lambda done, total: events.progress(done, total, "rows")
        )
        scores[split] = task.to_scores(outputs)
    run.path("scores").mkdir(exist_ok=True)
    np.savez(run.path("scores", "model.npz"), **scores)  # type: ignore[arg-type]
    return scores


def _groups(frame: pd.DataFrame) -> np.ndarray | None:
    """Documents as numbers from 0, where rows share them; they are what is drawn for the intervals."""
    return pd.factorize(frame["group"])[0] if "group" in frame else None


def _write(
    run: Run,
    report: dict[str, Any],
    test: pd.DataFrame,
    scores: np.ndarray,
    baseline_scores: np.ndarray,
    labels: list[str],
) -> None:
    from wingman.lab.plots import plot_calibration, plot_comparison, plot_confusion, plot_training

    making = run.path("evaluation.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    predictions = prediction_table(test, scores, labels)
    predictions["baseline"] = [labels[number] for number in baseline_scores.argmax(axis=1)]
    predictions.to_parquet(making / "predictions.parquet", index=False)
    plot_confusion(report["confusion"], labels, making / "confusion.svg")
    plot_calibration(report["calibration"], making / "calibration.svg")
    shown = ["accuracy", "precision_macro", "recall_macro", "f1_macro", "roc_auc"]
    plot_comparison(report["metrics"], report["baseline"]["metrics"], shown, making / "comparison.svg")
    plot_training(run.require("train")["summary"]["history"], "accuracy", making / "training.svg")
    shutil.rmtree(run.path("evaluation"), ignore_errors=True)
    making.replace(run.path("evaluation"))
    run.write_json(report, "evaluation", "report.json")
    # With their texts, so for the run's own page; what is published names rows by key only.
    run.write_json(worst_rows(test, scores, labels), "worst_rows.json")


def prediction_table(test: pd.DataFrame, scores: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """One line a test row, in the order of the split. `key` names a text without showing it."""
    predicted = scores.argmax(axis=1)
    table = pd.DataFrame(
        {
            "row": range(len(test)),
            "place": test["place"],
            "key": test["key"],
            "label": [labels[number] for number in test["label"]],
            "prediction": [labels[number] for number in predicted],
            "confidence": scores.max(axis=1).astype("float32"),
            "right": predicted == test["label"].to_numpy(),
        }
    )
    table["scores"] = list(scores.astype("float32"))
    return table


def worst_rows(test: pd.DataFrame, scores: np.ndarray, labels: list[str]) -> list[dict[str, Any]]:
    """The rows the model is most sure of and wrong about: often a wrong label, always worth reading."""
    truth, predicted = test["label"].to_numpy(), scores.argmax(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    order = wrong[np.argsort(-scores[wrong, predicted[wrong]], kind="stable")][:_WORST]
    return [
        {
            "place": test["place"].iloc[row],
            "text": test["text"].iloc[row][:500],
            "label": labels[truth[row]],
            "prediction": labels[predicted[row]],
            "confidence": round(float(scores[row, predicted[row]]), 4),
        }
        for row in order
    ]
