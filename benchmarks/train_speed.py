"""Training rows a second: a flight's training beside the tutorial's recipe and its common improvements, in one run.

    python benchmarks/train_speed.py [--rows 768] [--rounds 2] [--set movie-sentences]

tutorial:  `tokenizer(padding=True, truncation=True, max_length=512)` in a batched map, stock Trainer, batch 16.
collator:  the same with DataCollatorWithPadding, which pads each batch to its own longest row.
grouped:   the collator with the stock `train_sampling_strategy="group_by_length"` and bf16.
flight:    what `wingman fly` does.

All start from the same weights and see the same rows for one epoch; rounds are interleaved, so that a busy machine
is unfair to none. The first steps of each, in which kernels are made, are counted.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

from wingman.lab.events import Events
from wingman.lab.recipe import default_training
from wingman.lab.starter.encoder import make_encoder
from wingman.lab.starter.sets import ALL
from wingman.lab.training.batches import EncodedRows, TokenBudgetBatches
from wingman.lab.training.openmp import ASLEEP
from wingman.lab.training.precision import keep_freed_memory, native_precision
from wingman.lab.training.trainer import build_trainer, make_arguments


def stock(folder: str, encoder: Path, texts: list[str], labels: list[int], **settings: Any) -> Trainer:
    """A Trainer as tutorials build it. `padded`: pad in the map, not in the collator."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    columns: dict[str, list] = {"input_ids": [], "attention_mask": []}
    padded = settings.pop("padded", False)
    for start in range(0, len(texts), 1000):  # the batches of `Dataset.map(batched=True)`
        part = tokenizer(texts[start : start + 1000], padding=padded, truncation=True, max_length=512)
        for name, values in columns.items():
            values.extend(part[name])
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=max(labels) + 1)
    return Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=16,
            report_to="none",
            disable_tqdm=True,
            save_strategy="no",
            use_cpu=not torch.cuda.is_available(),
            **settings,
        ),
        train_dataset=EncodedRows({**columns, "labels": labels}),
        processing_class=tokenizer,
    )


def flight(folder: str, encoder: Path, texts: list[str], labels: list[int]) -> Trainer:
    """The Trainer of a flight."""
    keep_freed_memory()
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    training = default_training(
        "full",
        train_rows=10_000,
        num_labels=max(labels) + 1,
        precision=native_precision(),
        seed=0,
        max_length=256,
    )
    ids = tokenizer(texts, truncation=True, max_length=256)["input_ids"]
    rows = EncodedRows({"input_ids": ids, "labels": labels})
    batches = TokenBudgetBatches(
        rows.lengths, batch_rows=training.batch_rows, batch_tokens=training.batch_tokens, seed=0
    )
    arguments = make_arguments(training, Path(folder), headline="accuracy", num_steps_per_epoch=len(batches))
    arguments.num_train_epochs, arguments.save_strategy, arguments.eval_strategy = 1, "no", "no"
    arguments.load_best_model_at_end = False
    return build_trainer(
        model=AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=max(labels) + 1),
        arguments=arguments,
        seed=0,
        train_rows=rows,
        validation_rows=rows.take(range(2)),
        batches=batches,
        collate=transformers.DataCollatorWithPadding(tokenizer),
        tokenizer=tokenizer,
        compute_metrics=lambda predicted: {},
        events=Events(),
        callbacks=[],
    )


def grouped(folder: str, encoder: Path, texts: list[str], labels: list[int]) -> Trainer:
    """The stock Trainer with the two settings that help most."""
    bf16 = native_precision() == "bf16"
    return stock(folder, encoder, texts, labels, train_sampling_strategy="group_by_length", bf16=bf16)


VARIANTS: dict[str, Callable[[str, Path, list[str], list[int]], Trainer]] = {
    "tutorial": functools.partial(stock, padded=True),
    "collator": stock,
    "grouped": grouped,
    "flight": flight,
}


def measure(name: str, rows: int, set_name: str, home: Path) -> float:
    """Rows a second of one variant, in this process."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    encoder = make_encoder(home)
    frame = next(entry for entry in ALL if entry.name == set_name).build(home / "cache" / "archives").frame
    frame = frame[frame["split"] == "train"].sample(rows, random_state=0)
    labels = frame["label"].astype("category").cat.codes.astype(int).tolist()
    with tempfile.TemporaryDirectory() as folder:
        trainer = VARIANTS[name](folder, encoder, list(frame["text"]), labels)
        started = time.perf_counter()
        trainer.train()
        return rows / (time.perf_counter() - started)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--set", default="movie-sentences", choices=[entry.name for entry in ALL])
    parser.add_argument("--home", type=Path, default=Path("~/.wingman").expanduser())
    parser.add_argument("--variant", choices=list(VARIANTS), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.variant:
        print(json.dumps(measure(chosen.variant, chosen.rows, chosen.set, chosen.home)))
        return 0
    speeds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    same = ["--rows", str(chosen.rows), "--set", chosen.set, "--home", str(chosen.home)]
    for number in range(chosen.rounds):
        for name in VARIANTS:
            # Each in a process of its own: a flight changes how the process keeps memory and how its threads wait.
            command = [sys.executable, __file__, "--variant", name, *same]
            environ = {**os.environ, **ASLEEP} if name == "flight" else None
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environ)
            speeds[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"round {number + 1}  {name:<9} {speeds[name][-1]:8.1f} rows/s", flush=True)
    middle = {name: statistics.median(values) for name, values in speeds.items()}
    print(f"\n{chosen.set}, {chosen.rows} rows, {chosen.rounds} rounds, {torch.get_num_threads()} threads")
    for name, speed in middle.items():
        tutorial, collator = speed / middle["tutorial"], speed / middle["collator"]
        print(
            f"{name:<9} {speed:8.1f} rows/s  {tutorial:5.1f} x the tutorial  {collator:5.1f} x the collator"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
