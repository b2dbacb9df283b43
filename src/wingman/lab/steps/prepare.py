"""prepare: usable rows, split and tokenised once, as Parquet in the run's folder."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from wingman.lab.base import BaseModel
from wingman.lab.data.model import SPLITS
from wingman.lab.data.read import read_table
from wingman.lab.data.split import count_rows
from wingman.lab.errors import DataError
from wingman.lab.events import Events
from wingman.lab.recipe import Recipe
from wingman.lab.run import Run, hash_of
from wingman.lab.tasks import find_task

OUTPUTS = ("prepared",)
# Raised when other rows, or other splits, come of the same data and choices: what is cached by then is made anew.
_ROWS_FORMAT = 2


def prepare(
    run: Run,
    recipe: Recipe,
    base: BaseModel,
    events: Events,
    *,
    data: str,
    endpoint: str | None = None,
    token: str | None = None,
) -> dict[str, Any]:
    """Write `prepared/<split>.parquet` (place, key, text, label, input_ids) and `prepared/labels.json`.

    data: where the recipe's data lies on this machine. Encoded rows are also kept in the home's cache, by content.
    """
    from transformers import AutoTokenizer

    task = find_task(recipe.task)
    cached = run.folder.parent.parent / "cache" / "prepared" / _content_key(recipe)
    if not _is_whole(cached):
        table = read_table(
            data, encoding=recipe.data.encoding, revision=recipe.data.revision, endpoint=endpoint, token=token
        )
        if not table.is_pinned_by(recipe.data.digest):
            raise DataError(
                f"{data} has changed since the flight began. Fly again to begin a new run with it."
            )
        if recipe.data.repair:
            table = task.repair(table, recipe.data.columns)
        examples = task.to_examples(
            table,
            recipe.data.columns,
            seed=recipe.training.seed,
            validation=recipe.data.validation,
            test=recipe.data.test,
        )
        tokenizer = AutoTokenizer.from_pretrained(base.folder, trust_remote_code=False)
        cached.parent.mkdir(parents=True, exist_ok=True)
        # Another flight may prepare the same rows at this moment: each in a folder of its own, the first one stays.
        with tempfile.TemporaryDirectory(prefix=f"{cached.name}.", dir=cached.parent) as made:
            making = Path(made) / "rows"
            making.mkdir()
            _write_splits(
                making,
                examples.frame,
                lambda frame: task.encode(tokenizer, frame, recipe.training.max_length),
                events,
            )
            pd.Series(examples.labels).to_json(making / "labels.json", orient="values", force_ascii=False)
            _keep(making, cached)
    shutil.rmtree(run.path("prepared"), ignore_errors=True)
    shutil.copytree(cached, run.path("prepared"))
    return summarise(run)


def _is_whole(folder: Path) -> bool:
    names = ["labels.json", *(f"{name}.parquet" for name in SPLITS)]
    return all((folder / name).is_file() for name in names)


def _keep(made: Path, cached: Path) -> None:
    """Give a finished folder its name, unless another flight was faster."""
    if not _is_whole(cached):
        shutil.rmtree(cached, ignore_errors=True)
    try:
        made.rename(cached)
    except OSError:
        if not _is_whole(cached):
            raise


def _content_key(recipe: Recipe) -> str:
    data, training = recipe.data, recipe.training
    rows = [data.digest, data.columns, data.encoding, data.repair, data.validation, data.test, training.seed]
    return hash_of([_ROWS_FORMAT, recipe.task, *rows, training.max_length, recipe.base.digest])[:24]


def _write_splits(folder: Path, frame: pd.DataFrame, encode: Any, events: Events) -> None:
    done = 0
    for name in SPLITS:
        part = frame[frame["split"] == name].reset_index(drop=True)
        encoded = encode(part)
        part = part.assign(input_ids=encoded["input_ids"])
        part.to_parquet(folder / f"{name}.parquet", index=False)
        done += len(part)
        events.progress(done, len(frame), "rows")


def summarise(run: Run) -> dict[str, Any]:
    """Rows of each split and the label names."""
    frames = {
        name: pd.read_parquet(run.path("prepared", f"{name}.parquet"), columns=["split"]) for name in SPLITS
    }
    counts = count_rows(pd.concat(frames.values())["split"].to_numpy())
    return {"rows": counts, "labels": run.read_json("prepared", "labels.json")}


def read_split(run: Run, name: str) -> pd.DataFrame:
    """One prepared split, in its own order: the order of every per-row file of the run."""
    return pd.read_parquet(run.path("prepared", f"{name}.parquet"))
