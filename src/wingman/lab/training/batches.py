"""Batches of rows of like length under a budget of tokens.

Padding is what a batch pays for its longest row. Rows are sorted by length once and cut into batches of at most
`batch_rows` rows and `batch_tokens` padded tokens; each epoch shuffles rows among neighbours of like length
and shuffles the order of the batches. The number of batches is the same in every epoch, which the
Trainer relies on to place its schedule, its checkpoints and its resumption.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset, Sampler

from wingman.lab.training.precision import FreedMemory

# Rows trade places within this many batches of the sorted order: enough to vary the company of a row,
# little enough to keep lengths alike (and the budget nearly exact).
_NEIGHBOURHOOD = 4


class EncodedRows(Dataset):
    """Encoded rows in memory: {"input_ids": [...], "labels": int} by position."""

    def __init__(self, columns: dict[str, list]) -> None:
        self.columns = columns
        self.lengths = np.array([len(ids) for ids in columns["input_ids"]])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, position: int) -> dict:
        return {name: values[position] for name, values in self.columns.items()}

    def take(self, positions: Sequence[int]) -> "EncodedRows":
        return EncodedRows(
            {name: [values[position] for position in positions] for name, values in self.columns.items()}
        )


def in_order_of_length(
    rows: EncodedRows,
    collate: Callable[[list[dict]], dict],
    device: Any,
    *,
    batch_rows: int,
    progress: Callable[[int, int], None],
) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """(positions, inputs without labels) of each batch, for a model that only predicts: this wastes no padding."""
    order = np.argsort(rows.lengths, kind="stable")
    freed = FreedMemory()
    for start in range(0, len(order), batch_rows):
        positions = order[start : start + batch_rows]
        batch = collate([rows[position] for position in positions])
        batch.pop("labels", None)
        yield positions, {name: value.to(device) for name, value in batch.items()}
        freed.give_back_now_and_then()
        progress(start + len(positions), len(order))


class TokenBudgetBatches(Sampler[list[int]]):
    """A batch sampler: lists of positions, the same for the same seed and epoch."""

    def __init__(self, lengths: np.ndarray, *, batch_rows: int, batch_tokens: int, seed: int) -> None:
        self._order = np.argsort(lengths, kind="stable")
        self._cuts = cut_by_budget(lengths[self._order], batch_rows=batch_rows, batch_tokens=batch_tokens)
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._cuts)

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng([self._seed, self._epoch])
        order = self._order.copy()
        # Windows begin at another batch each epoch, so that their borders move.
        offset = int(random.integers(0, _NEIGHBOURHOOD))
        for first in range(-offset, len(self._cuts), _NEIGHBOURHOOD):
            last = min(first + _NEIGHBOURHOOD, len(self._cuts)) - 1
            random.shuffle(order[self._cuts[max(first, 0)][0] : self._cuts[last][1]])
        for index in random.permutation(len(self._cuts)):
            start, stop = self._cuts[index]
            yield order[start:stop].tolist()


def cut_by_budget(sorted_lengths: np.ndarray, *, batch_rows: int, batch_tokens: int) -> list[tuple[int, int]]:
    """Cut rows sorted by ascending length into (start, stop) batches.

    Each has at most `batch_rows` rows and, unless it is a single row, at most `batch_tokens` tokens after padding.

    >>> cut_by_budget(np.array([2, 2, 3, 50, 60]), batch_rows=3, batch_tokens=100)
    [(0, 3), (3, 4), (4, 5)]
    """
    cuts = []
    start = 0
    for stop in range(1, len(sorted_lengths) + 1):
        full = stop - start == batch_rows
        too_long = stop < len(sorted_lengths) and (stop + 1 - start) * sorted_lengths[stop] > batch_tokens
        if full or too_long or stop == len(sorted_lengths):
            cuts.append((start, stop))
            start = stop
    return cuts
