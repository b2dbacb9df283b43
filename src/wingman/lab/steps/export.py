"""export: ONNX in fp32 and int8, each checked against the trained model on real rows; one is chosen to be served.

The choice is made on validation rows; what it does on the test rows is then reported, not chosen by.
"""

import shutil
import time
from typing import Any

import numpy as np

from wingman.lab.events import Events
from wingman.lab.export import export_onnx, quantize_int8, rows_a_run, run_in_order
from wingman.lab.recipe import Recipe
from wingman.lab.run import Run
from wingman.lab.steps.prepare import read_split
from wingman.lab.tasks import find_task
from wingman.lab.tasks.model import Task

OUTPUTS = ("onnx", "serving.json", "evaluation/engines.json", "scores/served.npz")
FILES = {"fp32": "onnx/model.onnx", "int8": "onnx/model_int8.onnx"}
_SPEED_ROWS = 128


def export(run: Run, recipe: Recipe, events: Events) -> dict[str, Any]:
    """Write `onnx/`, `serving.json` (what a server needs), `evaluation/engines.json` and `scores/served.npz`."""
    import torch
    import transformers

    task = find_task(recipe.task)
    transformers.logging.disable_progress_bar()
    # The plain attention: the fused one traces to a graph with shapes burnt in.
    model = getattr(transformers, task.auto_class).from_pretrained(
        run.path("model"), dtype=torch.float32, attn_implementation="eager"
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(run.path("model"))
    making = run.path("onnx.making")
    shutil.rmtree(making, ignore_errors=True)
    events.log("Writing the ONNX graph.")
    export_onnx(model, making / "model.onnx", task.export_inputs)
    if recipe.export.int8:
        quantize_int8(making / "model.onnx", making / "model_int8.onnx")
    shutil.rmtree(run.path("onnx"), ignore_errors=True)
    making.replace(run.path("onnx"))
    engines, scores = {}, {}
    for precision, file in FILES.items():
        if run.path(file).is_file():
            engines[precision], scores[precision] = _check(
                run, task, precision, recipe, int(tokenizer.pad_token_id or 0), events
            )
            engines[precision]["file"] = file
    chosen = choose_engine(engines, recipe.export.max_loss)
    np.savez(run.path("scores", "served.npz"), test=scores[chosen])
    serving = {
        "format": 1,
        "task": task.name,
        "file": FILES[chosen],
        "precision": chosen,
        "max_length": recipe.training.max_length,
        "labels": run.read_json("prepared", "labels.json"),
        "problem_type": "single_label_classification",
    }
    run.write_json(serving, "serving.json")
    report = {"chosen": chosen, "max_loss": recipe.export.max_loss, "engines": engines}
    run.write_json(report, "evaluation", "engines.json")
    return report


def _check(
    run: Run, task: Task, precision: str, recipe: Recipe, padding: int, events: Events
) -> tuple[dict[str, Any], np.ndarray]:
    """Compare an engine with the trained model on every validation and test row. Returns (facts, test scores)."""
    from wingman.serve.onnx_engine import open_session

    path = run.path(FILES[precision])
    session = open_session(path, threads=recipe.training.threads)
    trained = np.load(run.path("scores", "model.npz"))
    facts: dict[str, Any] = {"megabytes": round(path.stat().st_size / 1e6, 1)}
    scores = {}
    for split in ("validation", "test"):
        frame = read_split(run, split)
        outputs = run_in_order(
            session,
            ids_of(run, split),
            padding=padding,
            batch_rows=rows_a_run(precision),
            progress=lambda done, total: events.progress(done, total, "rows"),
        )
        scores[split] = task.to_scores(outputs)
        facts[split] = compare(scores[split], trained[split], frame["label"].to_numpy())
    facts["rows_per_second"] = round(
        _speed(session, ids_of(run, "validation"), padding, rows_a_run(precision)), 1
    )
    return facts, scores["test"]


def ids_of(run: Run, split: str) -> list[list[int]]:
    """Token ids of a prepared split, one list a row."""
    return [row.tolist() for row in read_split(run, split)["input_ids"]]


def compare(scores: np.ndarray, trained: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """An engine's scores beside the trained model's, both (n, k): how often they agree and how far they are apart."""
    right, trained_right = scores.argmax(axis=1) == truth, trained.argmax(axis=1) == truth
    return {
        "rows": len(truth),
        "agreement": round(float((scores.argmax(axis=1) == trained.argmax(axis=1)).mean()), 6),
        "largest_difference": round(float(np.abs(scores - trained).max()), 6),
        "accuracy": round(float(right.mean()), 6),
        "trained_accuracy": round(float(trained_right.mean()), 6),
    }


def _speed(session: Any, token_ids: list[list[int]], padding: int, batch_rows: int) -> float:
    rows = token_ids[:_SPEED_ROWS]
    run_in_order(session, rows[:32], padding=padding, batch_rows=batch_rows)  # the first call allocates
    started = time.perf_counter()
    run_in_order(session, rows, padding=padding, batch_rows=batch_rows)
    return len(rows) / (time.perf_counter() - started)


def choose_engine(engines: dict[str, dict[str, Any]], max_loss: float) -> str:
    """The faster engine among those that lose at most `max_loss` of accuracy on validation; fp32 always may.

    >>> slow = {"rows_per_second": 100, "validation": {"accuracy": 0.9, "trained_accuracy": 0.9}}
    >>> lossy = {"rows_per_second": 200, "validation": {"accuracy": 0.87, "trained_accuracy": 0.9}}
    >>> choose_engine({"fp32": slow, "int8": lossy}, 0.01)
    'fp32'
    """
    allowed = [
        name
        for name, facts in engines.items()
        if name == "fp32"
        or facts["validation"]["trained_accuracy"] - facts["validation"]["accuracy"] <= max_loss + 1e-9
    ]
    return max(allowed, key=lambda name: engines[name]["rows_per_second"])
