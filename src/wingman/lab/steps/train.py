"""train: fine-tune through `transformers.Trainer`, keep the best model, go on from the last checkpoint if there is one."""

import shutil
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wingman.lab.base import BaseModel
from wingman.lab.estimate import remember_speed, training_flops
from wingman.lab.events import Events
from wingman.lab.recipe import Recipe
from wingman.lab.run import Run
from wingman.lab.steps.prepare import read_split
from wingman.lab.tasks import find_task

OUTPUTS = ("model",)


@dataclass(frozen=True)
class Custom:
    """What a caller of the Python API brings along; each takes the place of ours.

    trainer_class:      a subclass of `transformers.Trainer`.
    training_arguments: used as they are, but for `output_dir`.
    callbacks:          added to ours.
    compute_loss:       `(outputs, labels, num_items_in_batch) -> loss`.
    compute_metrics:    `(EvalPrediction) -> {name: value}`; must hold the headline metric, or training_arguments name another.
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
    run: Run, recipe: Recipe, base: BaseModel, events: Events, custom: Custom | None = None
) -> dict[str, Any]:
    """Write the fine-tuned model and its tokenizer to `model/`.

    Interrupted, it resumes from the last whole checkpoint: weights, optimizer, schedule, random state and the place in the data.
    """
    import torch
    from transformers import AutoTokenizer, EarlyStoppingCallback, Trainer, set_seed

    from wingman.lab.training.batches import EncodedRows, TokenBudgetBatches
    from wingman.lab.training.methods import apply_method, load_model, merge
    from wingman.lab.training.precision import keep_freed_memory
    from wingman.lab.training.trainer import build_trainer, last_whole_checkpoint, logits_of, make_arguments

    custom = custom or Custom()
    task, training = find_task(recipe.task), recipe.training
    labels = run.read_json("prepared", "labels.json")
    if training.threads and not torch.cuda.is_available():
        torch.set_num_threads(training.threads)
    keep_freed_memory()
    rows = {name: _encoded(run, name, EncodedRows) for name in ("train", "validation")}
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    set_seed(training.seed)
    model = apply_method(load_model(base, task.auto_class, task.model_settings(labels)), training)
    checkpoints = run.path("checkpoints")
    batches = TokenBudgetBatches(
        rows["train"].lengths,
        batch_rows=training.batch_rows,
        batch_tokens=training.batch_tokens,
        seed=training.seed,
    )
    arguments = custom.training_arguments or make_arguments(
        training, checkpoints, headline=task.headline, num_steps_per_epoch=len(batches)
    )
    arguments.output_dir = str(checkpoints)
    early = (
        [EarlyStoppingCallback(early_stopping_patience=training.patience)]
        if arguments.load_best_model_at_end
        else []
    )
    trainer = build_trainer(
        model=model,
        arguments=arguments,
        training=training,
        train_rows=rows["train"],
        validation_rows=rows["validation"],
        collate=custom.data_collator or task.make_collator(tokenizer),
        tokenizer=tokenizer,
        compute_metrics=custom.compute_metrics
        or (
            lambda predicted: task.quick_metrics(
                logits_of(predicted.predictions), np.asarray(predicted.label_ids)
            )
        ),
        events=events,
        callbacks=[*early, *custom.callbacks],
        trainer_class=custom.trainer_class or Trainer,
        compute_loss=custom.compute_loss,
    )
    checkpoint = last_whole_checkpoint(checkpoints)
    if checkpoint is not None:
        events.log(f"Going on from {checkpoint.name}.")
    started = time.perf_counter()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.perf_counter() - started
    plain = merge(trainer.model, training)
    shutil.rmtree(run.path("model"), ignore_errors=True)
    plain.save_pretrained(run.path("model"))
    tokenizer.save_pretrained(run.path("model"))
    state = trainer.state
    trained_rows = len(rows["train"]) * (state.epoch or 0.0)
    if checkpoint is None and not custom.names():
        remember_speed(
            run.folder.parent.parent,
            training,
            training_flops(base, rows["train"].lengths, state.epoch or 0.0, training.method),
            seconds,
        )
    return {
        "epochs": round(state.epoch or 0.0, 2),
        "steps": state.global_step,
        "best": {"step": state.best_global_step, task.headline: state.best_metric},
        "train_seconds": round(seconds, 1),
        "rows_per_second": round(trained_rows / seconds, 1) if checkpoint is None else None,
        "resumed_from": checkpoint.name if checkpoint else None,
        "history": [
            {
                key: entry[key]
                for key in ("epoch", "step", "loss", "eval_loss", f"eval_{task.headline}")
                if key in entry
            }
            for entry in state.log_history
        ],
    }


def _encoded(run: Run, split: str, kind: Any) -> Any:
    frame = read_split(run, split)
    return kind(
        {
            "input_ids": [ids.tolist() for ids in frame["input_ids"]],
            "labels": [int(label) for label in frame["label"]],
        }
    )
