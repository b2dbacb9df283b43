"""`transformers.Trainer` with our batches, and the callback that turns its progress into events."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import transformers
from torch.utils.data import DataLoader, Dataset
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, TrainerState
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from wingman.lab.events import Events
from wingman.lab.recipe import Training
from wingman.lab.training.batches import EncodedRows, TokenBudgetBatches, in_order_of_length
from wingman.lab.training.precision import FreedMemory


class TokenBudgetTrainer(Trainer):
    """A Trainer whose training batches come from `batches`; all else is the stock one.

    Evaluation keeps the dataset's order: the stock option for length-aware batches groups evaluation rows too, and
    `predict` then returns them in another order than the dataset without a word.
    """

    batches: TokenBudgetBatches | None = None

    def get_train_dataloader(self) -> DataLoader:
        if self.batches is None:
            return super().get_train_dataloader()
        loader: DataLoader = DataLoader(
            cast(Dataset, self.train_dataset),
            batch_sampler=self.batches,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)


class EventCallback(TrainerCallback):
    """Steps, losses and validation metrics as events."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if state.global_step % 5 == 0 or state.global_step == state.max_steps:
            self._events.progress(state.global_step, state.max_steps, "steps")

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **rest: Any
    ) -> None:
        for name, value in (logs or {}).items():
            if name in ("loss", "learning_rate", "grad_norm") or name.startswith("eval_"):
                self._events.metric(name, float(value), state.global_step)


class GiveBackMemory(TrainerCallback):
    """Keeps batches of ever other lengths from holding ever more memory."""

    def __init__(self) -> None:
        self._freed = FreedMemory()

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        self._freed.give_back_now_and_then()


def with_token_budget(trainer_class: type[Trainer]) -> type[Trainer]:
    """A caller's own Trainer subclass with our batches; its overrides win over ours."""
    if trainer_class is Trainer:
        return TokenBudgetTrainer
    return type(f"TokenBudget{trainer_class.__name__}", (trainer_class, TokenBudgetTrainer), {})


def make_arguments(
    training: Training, folder: Path, *, headline: str, num_steps_per_epoch: int
) -> TrainingArguments:
    """The arguments of a flight. Checkpoints and validation once an epoch, or every 1,000 steps of a long one."""
    rhythm: dict[str, Any] = {"eval_strategy": "epoch", "save_strategy": "epoch"}
    if num_steps_per_epoch > 1000:
        rhythm = {"eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 1000, "save_steps": 1000}
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=training.epochs,
        per_device_train_batch_size=training.batch_rows,
        per_device_eval_batch_size=64,
        learning_rate=training.learning_rate,
        warmup_steps=training.warmup,
        weight_decay=training.weight_decay,
        bf16=training.precision == "bf16",
        use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        seed=training.seed,
        data_seed=training.seed,
        **rhythm,
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{criterion_of(training, headline)}",
        greater_is_better=training.method != "features",
        save_total_limit=2,
        logging_steps=max(1, num_steps_per_epoch // 20),
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def criterion_of(training: Training, headline: str) -> str:
    """What the best state is chosen by: the headline, but the loss for a head alone.

    A head begins at chance and falls slowly, on few validation rows with an accuracy that stands still: the first state
    would be kept, and stopped at, while the loss was still falling.
    """
    return "loss" if training.method == "features" else headline


_STATE = "trainer_state.json"


def train_from(trainer: Trainer, checkpoint: Path | None) -> None:
    """Train to the end, from a checkpoint where there is one.

    The stock Trainer forgets on the way how long early stopping has waited for a better state (and its flag that would
    restore callbacks still trains on where it had stopped): here it waits on, and what had ended stays ended.
    """
    if checkpoint is None:
        trainer.train()
        return
    state = TrainerState.load_from_json(str(checkpoint / _STATE))
    kept = state.stateful_callbacks.get(EarlyStoppingCallback.__name__, [])
    stopping = [item for item in trainer.callback_handler.callbacks if isinstance(item, EarlyStoppingCallback)]
    for early, saved in zip(stopping, kept if isinstance(kept, list) else [kept], strict=False):
        early.early_stopping_patience_counter = saved["attributes"]["early_stopping_patience_counter"]
    if any(early.early_stopping_patience_counter >= early.early_stopping_patience for early in stopping):
        trainer.state = state
        trainer._load_best_model()
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint))


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end: the trainer's state is the last file of one."""
    found = [
        path for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*") if _is_whole(path / _STATE)
    ]
    return max(found, key=lambda path: int(path.name.rsplit("-", 1)[1]), default=None)


def _is_whole(state: Path) -> bool:
    try:
        json.loads(state.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return True


def logits_of(output: Any) -> np.ndarray:
    """The class scores among a model's predictions, which may come with hidden states."""
    return np.asarray(output[0] if isinstance(output, tuple) else output)


@torch.inference_mode()
def predict_in_order(
    model: Any,
    rows: EncodedRows,
    collate: Callable[[list[dict]], dict],
    *,
    batch_rows: int = 32,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Raw outputs (n, k) in the order of `rows`; computed in order of length."""
    model.eval()
    outputs = np.empty((len(rows), model.config.num_labels), dtype=np.float32)
    batches = in_order_of_length(rows, collate, model.device, batch_rows=batch_rows, progress=progress)
    for positions, batch in batches:
        outputs[positions] = model(**batch).logits.float().cpu().numpy()
    return outputs


def build_trainer(
    *,
    model: Any,
    arguments: TrainingArguments,
    seed: int,
    train_rows: Any,
    validation_rows: Any,
    batches: TokenBudgetBatches | None,
    collate: Any,
    tokenizer: Any,
    compute_metrics: Callable[[Any], dict[str, float]],
    events: Events,
    callbacks: list[TrainerCallback],
    trainer_class: type[Trainer] = Trainer,
    compute_loss: Callable[..., Any] | None = None,
) -> Trainer:
    """Put the pieces together.

    batches: None leaves batching to the Trainer, as does a sampling strategy of the caller's own.
    Validation rows are sorted by length, which changes no metric and wastes no padding.
    """
    transformers.set_seed(seed)
    if isinstance(validation_rows, EncodedRows):
        validation_rows = validation_rows.take(np.argsort(validation_rows.lengths, kind="stable").tolist())
    trainer: Any = with_token_budget(trainer_class)(
        model=model,
        args=arguments,
        train_dataset=train_rows,
        eval_dataset=validation_rows,
        data_collator=collate,
        processing_class=tokenizer if batches is not None else None,
        compute_metrics=compute_metrics,
        compute_loss_func=compute_loss,
        callbacks=[EventCallback(events), GiveBackMemory(), *callbacks],
    )
    trainer.remove_callback(PrinterCallback)
    if arguments.train_sampling_strategy == "random":
        trainer.batches = batches
    return trainer
