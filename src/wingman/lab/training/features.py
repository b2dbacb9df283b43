"""The method "features": the encoder is frozen, so each text goes through it once, and only the head is trained.

A hundred epochs of the head then cost less than one of the whole model.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from wingman.lab.training.batches import EncodedRows, in_order_of_length


class HeadOnStates(torch.nn.Module):
    """A classifier's head as a model of its own: first-token states in, `{"loss", "logits"}` out.

    Pooler (where the encoder has one) and classifier are the very modules of `model`, so training them here trains it.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.pooler = getattr(model.base_model, "pooler", None)
        self.classifier = model.classifier
        self.dropout = getattr(model, "dropout", torch.nn.Identity())

    def forward(self, states: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """states: (rows, width); labels: (rows,) int."""
        hidden = states[:, None, :]  # (rows, 1, width): heads pick the first token themselves
        if self.pooler is not None:
            hidden = self.dropout(self.pooler(hidden))
        logits = self.classifier(hidden)
        if labels is None:
            return {"logits": logits}
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


class StateRows(torch.utils.data.Dataset):
    """First-token states (n, width) and labels, by position."""

    def __init__(self, states: np.ndarray, labels: list[int]) -> None:
        self.states, self.labels = torch.from_numpy(states), labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, position: int) -> dict[str, Any]:
        return {"states": self.states[position], "labels": self.labels[position]}


@torch.inference_mode()
def first_token_states(
    model: Any,
    rows: EncodedRows,
    collate: Callable[[list[dict]], dict],
    *,
    progress: Callable[[int, int], None],
    batch_rows: int = 64,
) -> np.ndarray:
    """The encoder's last state of each row's first token, (n, width) float32, in the order of `rows`."""
    model.eval()
    states = np.empty((len(rows), model.config.hidden_size), dtype=np.float32)
    batches = in_order_of_length(rows, collate, model.device, batch_rows=batch_rows, progress=progress)
    for positions, batch in batches:
        states[positions] = model.base_model(**batch).last_hidden_state[:, 0].float().cpu().numpy()
    return states


@torch.inference_mode()
def head_stands_alone(model: Any, head: HeadOnStates, batch: dict[str, Any]) -> bool:
    """Whether the head on first-token states gives the model's own logits: not every architecture is built so."""
    model.eval()
    inputs = {name: value.to(model.device) for name, value in batch.items() if name != "labels"}
    states = model.base_model(**inputs).last_hidden_state[:, 0]
    try:
        alone = head(states)["logits"]
    except (RuntimeError, TypeError, IndexError):
        return False
    expected = model(**inputs).logits
    return alone.shape == expected.shape and torch.allclose(alone, expected, atol=1e-4)
