"""card: the model's README, with metadata the public client parses and every claim backed by the run's files."""

import re
import shlex
import shutil
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from wingman.lab.data.model import counted
from wingman.lab.events import Events, write_atomically
from wingman.lab.recipe import Recipe
from wingman.lab.run import Run
from wingman.lab.steps.choose import SEEN_BY_BASE
from wingman.lab.tasks import find_task

OUTPUTS = ("card",)
_SHOWN = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "f1_weighted", "roc_auc")


def card(run: Run, recipe: Recipe, events: Events) -> dict[str, Any]:
    """Write `card/README.md`. Its metadata is parsed back before the step counts as done."""
    comparison = run.read_json("comparison.json")
    report = run.read_json("evaluation", "report.json")
    engines = run.read_json("evaluation", "engines.json")
    seen = _rows_seen_by_base(run)
    name = (recipe.to or run.id).split("/")[-1]
    metadata = _metadata(recipe, report, name)
    body = "\n\n".join(
        section
        for section in (
            _opening(recipe, report, name, seen),
            _use(recipe, report),
            _results(report, comparison),
            _limits(report, engines, seen),
            _data(recipe, report),
            _reproduction(recipe, run, comparison["next"]),
        )
        if section
    )
    text = f"---\n{metadata.to_yaml()}\n---\n\n{body}\n"
    parsed: Any = ModelCard(text, ignore_metadata_errors=False)
    assert parsed.data.eval_results, "the card's metadata lost its results"
    shutil.rmtree(run.path("card"), ignore_errors=True)
    write_atomically(run.path("card", "README.md"), text)
    return {"words": len(body.split()), "metrics": len(parsed.data.eval_results)}


def _rows_seen_by_base(run: Run) -> int:
    findings = run.read_json("choice.json")["findings"]
    return sum(finding["count"] for finding in findings if finding["code"] == SEEN_BY_BASE)


def _metadata(recipe: Recipe, report: dict[str, Any], name: str) -> ModelCardData:
    """`model-index` with value and interval of each metric. The interval stands among the metric's arguments."""
    results = [
        EvalResult(
            task_type=recipe.task,
            task_name=find_task(recipe.task).title,
            dataset_type=recipe.data.source,
            dataset_name=recipe.data.source,
            dataset_split="test",
            dataset_revision=recipe.data.revision,
            metric_type="f1" if metric.startswith("f1") else metric,
            metric_name=metric,
            metric_value=round(figures["value"], 4),
            metric_args={
                "confidence": 0.95,
                "low": round(figures["low"], 4),
                "high": round(figures["high"], 4),
                "rows": report["rows"]["test"],
            },
        )
        for metric, figures in report["metrics"].items()
        if metric in _SHOWN and _is_defined(figures)
    ]
    return ModelCardData(
        model_name=name,
        eval_results=results,
        license=recipe.licences.of_the_model,
        library_name="transformers",
        pipeline_tag=recipe.task,
        base_model=recipe.base.id if recipe.base.revision else None,
        datasets=[recipe.data.source] if recipe.data.revision else None,
        metrics=["accuracy", "f1", "roc_auc"],
        tags=["wingman", "onnx", recipe.task, f"method:{recipe.training.method}"],
        ignore_metadata_errors=False,
    )


def _opening(recipe: Recipe, report: dict[str, Any], name: str, seen: int) -> str:
    accuracy = report["metrics"]["accuracy"]
    unseen = f", of which its base had seen {seen:,}," if seen else " it never saw"
    method = {
        "full": "fine-tuned whole",
        "lora": "fine-tuned by low-rank adapters, merged",
        "features": "a head trained on the frozen encoder",
    }
    return (
        f"# {name}\n\n"
        f"Says which of {len(report['labels'])} labels a text has: {_list_labels(report['labels'])}. "
        f"It is `{recipe.base.id}`, "
        f"{method[recipe.training.method]}, on `{recipe.data.source}`.\n\n"
        f"On {report['rows']['test']:,} test rows{unseen} it is right {_percent(accuracy['value'])} of the time "
        f"(95 % interval {_percent(accuracy['low'])} to {_percent(accuracy['high'])}). {report['mcnemar']['words']}"
    )


def _list_labels(labels: list[str]) -> str:
    shown = ", ".join(_in_a_line(label, code=True) for label in labels[:12])
    return shown + (f" and {len(labels) - 12} more" if len(labels) > 12 else "")


def _in_a_line(label: str, *, code: bool = False) -> str:
    """A label inside a line, a cell or a code span of Markdown, whatever it consists of."""
    plain = " ".join(label.split())
    if code and "`" not in plain:
        return f"`{plain}`"
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", plain)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _use(recipe: Recipe, report: dict[str, Any]) -> str:
    repo = recipe.to or "path/to/this/folder"
    example = dict(find_task(recipe.task).request)["inputs"]
    where = "With `HF_ENDPOINT` set to the address of this Hub:\n\n" if recipe.to else ""
    return (
        f"## Use it\n\n{where}```python\nfrom transformers import pipeline\n\n"
        f'classify = pipeline("{recipe.task}", model="{repo}")\nprint(classify("{example}"))\n```\n\n'
        f"**Meant for** texts like those of `{recipe.data.source}`, of up to "
        f"{recipe.training.max_length} tokens (longer ones are cut). "
        "**Not meant for** other languages or kinds of text without measuring there first, nor for "
        "decisions about people without a person in between."
    )


def _results(report: dict[str, Any], comparison: dict[str, Any]) -> str:
    lines = [
        "## Results",
        "",
        f"Test split, {report['rows']['test']:,} rows; 95 % bootstrap intervals, drawn by {report['test_rows_by']}.",
        "",
    ]
    lines += ["| metric | this model | baseline |", "|---|---|---|"]
    for name, figures in report["metrics"].items():
        lines.append(
            f"| {name.replace('_', ' ')} | {_with_interval(figures)} | "
            f"{_with_interval(report['baseline']['metrics'][name])} |"
        )
    lines += [
        "",
        f"Baseline: {report['baseline']['model']}. Brier and calibration error: lower is better.",
        "",
    ]
    if "words" in comparison:
        lines += [f"**Against the previous version.** {comparison['words']}", ""]
    lines += ["![Model and baseline with intervals](evaluation/comparison.svg)", ""]
    lines += ["| label | rows | precision | recall | F1 |", "|---|---|---|---|---|"]
    for label, figures in report["per_class"].items():
        columns = " | ".join(
            _with_interval(figures[name]) if figures["rows"] else "–" for name in ("precision", "recall", "f1")
        )
        lines.append(f"| {_in_a_line(label)} | {figures['rows']:,} | {columns} |")
    lines += ["", "![Confusion matrix](evaluation/confusion.svg)"]
    return "\n".join(lines)


def _is_defined(figures: dict[str, float | None]) -> bool:
    """Whether there is such a figure of these test rows: no AUC, for one, where they show a single class."""
    return all(figures[name] is not None and figures[name] == figures[name] for name in ("value", "low", "high"))


def _with_interval(figures: dict[str, float | None]) -> str:
    if not _is_defined(figures):
        return "–"
    return f"{figures['value']:.3f} ({figures['low']:.3f}–{figures['high']:.3f})"


def _limits(report: dict[str, Any], engines: dict[str, Any], seen: int) -> str:
    calibration = report["metrics"]["calibration_error"]
    lines = ["## Limits found", ""]
    if seen:
        lines.append(
            f"- **The base was itself trained or tuned on {seen:,} of the {report['rows']['test']:,} test rows**: the "
            "figures of this model are too good."
        )
    for found in report["worst_slices"][:5]:
        lines.append(
            f"- Weaker on {found['slice']}: {_percent(found['accuracy'])} of {found['rows']:,} rows "
            f"({_percent(found['low'])} to {_percent(found['high'])})."
        )
    if not report["worst_slices"]:
        lines.append("- No class or range of length with 20 rows or more is clearly weaker than the whole.")
    lines += _never_right(report["per_class"])
    for pair in report["confused"][:3]:
        said, true = (_in_a_line(pair[name], code=True) for name in ("predicted", "true"))
        lines.append(f"- Says {said} where it is {true}: {counted(pair['rows'], 'time', 'times')}.")
    lines.append(
        f"- Confidence is off by {calibration['value']:.3f} on average ({calibration['low']:.3f} to "
        f"{calibration['high']:.3f}); see the plot."
    )
    for precision, facts in engines["engines"].items():
        test = facts["test"]
        chosen = ", the one served" if precision == engines["chosen"] else ""
        lines.append(
            f"- ONNX {precision} ({facts['megabytes']} MB{chosen}): agrees with the trained model on "
            f"{_percent(test['agreement'])} of the test rows, "
            f"largest difference of a score {test['largest_difference']:.2g}, accuracy {test['accuracy']:.3f}."
        )
    lines += ["", "![Calibration](evaluation/calibration.svg)"]
    return "\n".join(lines)


def _never_right(per_class: dict[str, Any]) -> list[str]:
    """The classes that the model found in none of their test rows, rarest or not."""
    missed = {
        label: figures["rows"]
        for label, figures in per_class.items()
        if figures["rows"] and figures["recall"]["value"] == 0
    }
    if not missed:
        return []
    named = ", ".join(_in_a_line(label, code=True) for label in list(missed)[:10])
    more = f" and {len(missed) - 10} more" if len(missed) > 10 else ""
    return [f"- Never right on {named}{more}: {counted(sum(missed.values()), 'test row', 'test rows')} in all."]


def _data(recipe: Recipe, report: dict[str, Any]) -> str:
    rows = report["rows"]
    revision = (
        f" at commit `{recipe.data.revision}`"
        if recipe.data.revision
        else f" (sha256 `{recipe.data.digest}`)"
    )
    splits = (
        "as the source gives them"
        if recipe.data.splits == "given"
        else "stratified by label, fixed by content"
    )
    return (
        f"## Data and licence\n\n`{recipe.data.source}`{revision}: {rows['train']:,} rows to train, "
        f"{rows['validation']:,} to validate, "
        f"{rows['test']:,} to test, {splits}; no text is in two of them. {recipe.licences.in_words}"
    )


def _reproduction(recipe: Recipe, run: Run, version: str) -> str:
    training = recipe.training
    source = f"{recipe.to}@{version}" if recipe.to else "recipe.yaml"
    data = "" if recipe.data.revision else f"{shlex.quote(recipe.data.source)} "  # a file has to be brought along
    custom = (
        f"\n\nPassed in through Python, and not in the recipe: {'; '.join(training.custom)}."
        if training.custom
        else ""
    )
    head = ", the last layer begun from a linear probe" if training.head == "probe" else ""
    versions = ", ".join(f"{name} {version}" for name, version in recipe.versions.items())
    return (
        f"## Make it again\n\n```bash\nwingman fly {data}--recipe {source}\n```\n\n"
        f"Seed {training.seed}, {training.epochs:g} epochs at most, learning rate "
        f"{training.learning_rate:g}, {training.batch_rows} rows or "
        f"{training.batch_tokens:,} tokens a step, {training.precision}{head}. {versions}. Run `{run.id}`; "
        "every choice is in `recipe.yaml`, every figure in "
        f"`evaluation/report.json`, every test row's answer in `evaluation/predictions.parquet`.{custom}"
    )
