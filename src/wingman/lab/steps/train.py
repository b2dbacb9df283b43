"""train: fine-tune through `transformers.Trainer`, keep the best model, go on from the last checkpoint."""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wingman.lab.base import BaseModel
from wingman.lab.estimate import remember_speed, training_flops
from wingman.lab.events import Events, write_atomically
from wingman.lab.recipe import Recipe, Training
from wingman.lab.run import Run
from wingman.lab.steps.prepare import read_split
from wingman.lab.tasks import find_task
from wingman.lab.tasks.model import Task

OUTPUTS = ("model",)


@dataclass(frozen=True)
class Custom:
    """What a caller of the Python API brings along; each takes the place of ours.

    trainer_class:      a subclass of `transformers.Trainer`.
    training_arguments: used as they are, but for `output_dir`.
    callbacks:          added to ours.
    compute_loss:       `(outputs, labels, num_items_in_batch) -> loss`.
    compute_metrics:    `(EvalPrediction) -> {name: value}`; with the headline metric unless arguments name another.
    data_collator:      rows -> batch.
    """

    trainer_class: Any = None
    training_arguments: Any = None
    callbacks: list[Any] = field(default_factory=list)
    compute_loss: Any = None
    compute_metrics: Any = None
    data_collator: Any = None

    def names(self) -> tuple[str, ...]:
        """What was brought along, for the recipe."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return tuple(f"{name}: {_name_of(value)}" for name, value in given.items() if value)


def _name_of(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return ", ".join(getattr(item, "__qualname__", type(item).__qualname__) for item in values)


def train(
    run: Run,
    recipe: Recipe,
    base: BaseModel,
    events: Events,
    custom: Custom | None = None,
    *,
    inputs: str,
) -> dict[str, Any]:
    """Write the fine-tuned model and its tokenizer to `model/`.

    Interrupted, it resumes from the last whole checkpoint: weights, optimizer, schedule, random state, place in data,
    patience. inputs: the hash of all that the result follows from; checkpoints of other inputs are thrown away.
    """
    import torch
    from transformers import AutoTokenizer, set_seed

    from wingman.lab.training.methods import apply_method, load_model, merge
    from wingman.lab.training.precision import keep_freed_memory
    from wingman.lab.training.trainer import last_whole_checkpoint, train_from

    custom = custom or Custom()
    task, training = find_task(recipe.task), recipe.training
    labels = run.read_json("prepared", "labels.json")
    if training.threads and not torch.cuda.is_available():
        torch.set_num_threads(training.threads)
    keep_freed_memory()
    tokenizer = AutoTokenizer.from_pretrained(base.folder, trust_remote_code=False)
    set_seed(training.seed)
    model = load_model(base, task.auto_class, task.model_settings(labels))
    started = time.perf_counter()
    _keep_checkpoints_of(inputs, run.path("checkpoints"))
    checkpoint = last_whole_checkpoint(run.path("checkpoints"))
    if training.head == "probe" and checkpoint is None:
        _start_head(run, training, model, custom.data_collator or task.make_collator(tokenizer), events)
    model = apply_method(model, training)
    trainer, lengths = _make_trainer(run, task, training, model, tokenizer, events, custom)
    if checkpoint is not None:
        events.log(f"Going on from {checkpoint.name}.")
    train_from(trainer, checkpoint)
    seconds = time.perf_counter() - started
    plain = merge(model if training.method == "features" else trainer.model, training)
    shutil.rmtree(run.path("model"), ignore_errors=True)
    plain.save_pretrained(run.path("model"))
    tokenizer.save_pretrained(run.path("model"))
    epochs = trainer.state.epoch or 0.0
    if checkpoint is None and not custom.names():
        flops = training_flops(base, lengths, epochs, training.method)
        remember_speed(run.folder.parent.parent, training, flops, seconds)
    state = trainer.state
    criterion = trainer.args.metric_for_best_model or f"eval_{task.headline}"
    kept = ("epoch", "step", "loss", "eval_loss", f"eval_{task.headline}")
    return {
        "epochs": round(epochs, 2),
        "steps": state.global_step,
        "best": {"step": state.best_global_step, criterion.removeprefix("eval_"): state.best_metric},
        "train_seconds": round(seconds, 1),
        "rows_per_second": round(len(lengths) * epochs / seconds, 1) if checkpoint is None else None,
        "resumed_from": checkpoint.name if checkpoint else None,
        "history": [{key: entry[key] for key in kept if key in entry} for entry in state.log_history],
    }


def _keep_checkpoints_of(inputs: str, folder: Path) -> None:
    """Leave only checkpoints of the same inputs: others saw other rows, perhaps those that now test."""
    mark = folder / "inputs"
    if not mark.is_file() or mark.read_text("utf-8") != inputs:
        shutil.rmtree(folder, ignore_errors=True)
        write_atomically(mark, inputs)


def _make_trainer(
    run: Run, task: Task, training: Training, model: Any, tokenizer: Any, events: Events, custom: Custom
) -> tuple[Any, np.ndarray]:
    """The Trainer, and the lengths of the training rows. "features" trains the head on states encoded once."""
    from transformers import EarlyStoppingCallback, Trainer

    from wingman.lab.training.batches import EncodedRows, TokenBudgetBatches
    from wingman.lab.training.trainer import build_trainer, logits_of, make_arguments

    rows = {name: _encoded(run, name, EncodedRows) for name in ("train", "validation")}
    lengths = rows["train"].lengths
    collate = custom.data_collator or task.make_collator(tokenizer)
    batches: Any = TokenBudgetBatches(
        lengths, batch_rows=training.batch_rows, batch_tokens=training.batch_tokens, seed=training.seed
    )
    num_batches = len(batches)
    if training.method == "features" and not custom.names():
        head = _encode_once(model, rows, collate, events)
        if head is not None:
            (model, rows), batches = head, None
            collate, num_batches = None, -(-len(lengths) // training.batch_rows)
    arguments = custom.training_arguments or make_arguments(
        training, run.path("checkpoints"), headline=task.headline, num_steps_per_epoch=num_batches
    )
    arguments.output_dir = str(run.path("checkpoints"))
    early = EarlyStoppingCallback(early_stopping_patience=training.patience)

    def measure(predicted: Any) -> dict[str, float]:
        return task.quick_metrics(logits_of(predicted.predictions), np.asarray(predicted.label_ids))

    trainer = build_trainer(
        model=model,
        arguments=arguments,
        seed=training.seed,
        train_rows=rows["train"],
        validation_rows=rows["validation"],
        batches=batches,
        collate=collate,
        tokenizer=tokenizer,
        compute_metrics=custom.compute_metrics or measure,
        events=events,
        callbacks=[*([early] if arguments.load_best_model_at_end else []), *custom.callbacks],
        trainer_class=custom.trainer_class or Trainer,
        compute_loss=custom.compute_loss,
    )
    return trainer, lengths


def _start_head(run: Run, training: Training, model: Any, collate: Any, events: Events) -> None:
    from wingman.lab.training.batches import EncodedRows
    from wingman.lab.training.probe import start_from_probe

    events.log("Encoding the texts once, for a linear probe to start from.")
    started = start_from_probe(
        model,
        _encoded(run, "train", EncodedRows),
        collate,
        bf16=training.precision == "bf16",
        seed=training.seed,
        progress=lambda done, total: events.progress(done, total, "rows"),
    )
    if not started:
        events.log("This architecture's last layer cannot start from a probe; it starts at random.")


def _encode_once(
    model: Any, rows: dict[str, Any], collate: Any, events: Events
) -> tuple[Any, dict[str, Any]] | None:
    """(the head as a model, its rows), or None where the head cannot be taken off: then all of it runs frozen."""
    from wingman.lab.training.features import HeadOnStates, StateRows, first_token_states, head_stands_alone

    if not hasattr(model, "classifier"):
        return None
    head = HeadOnStates(model)
    few = collate([rows["train"][position] for position in range(min(4, len(rows["train"])))])
    if not head_stands_alone(model, head, few):
        events.log("This architecture's head cannot be trained apart; the whole model runs in every step.")
        return None
    events.log("Encoding every text once.")
    encoded = {}
    for name, part in rows.items():
        states = first_token_states(
            model, part, collate, progress=lambda done, total: events.progress(done, total, "rows")
        )
        encoded[name] = StateRows(states, part.columns["labels"])
    return head, encoded


def _encoded(run: Run, split: str, kind: Any) -> Any:
    frame = read_split(run, split)
    return kind(
        {
            "input_ids": [ids.tolist() for ids in frame["input_ids"]],
            "labels": [int(label) for label in frame["label"]],
        }
    )
