"""The contract of an engine: text to token rows, rows to numbers. It knows no task, batch rule or socket."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

TextInput: TypeAlias = str | tuple[str, str]
"""A text, or a pair of texts that the model reads together."""

Logits: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One tokenised input, cut to the model's length, not padded. `type_ids` tells a pair's halves apart."""

    ids: tuple[int, ...]
    type_ids: tuple[int, ...]

    @property
    def num_tokens(self) -> int:
        return len(self.ids)


class Engine(Protocol):
    """A loaded model. Both methods may be called from several threads at once."""

    def encode(self, inputs: Sequence[TextInput]) -> list[TokenRow]:
        """Tokenise as the model was trained: special tokens added, cut at its maximum length."""
        ...

    def run(self, rows: Sequence[TokenRow]) -> Logits:
        """The model's raw outputs, (rows, labels) float32, in the order of `rows` (at least one).

        Raises `EngineFailed` when the runtime fails or an output is not finite.
        """
        ...


@dataclass(frozen=True, slots=True)
class PaddedRows:
    """Rows as rectangular int64 arrays (rows, tokens), padded on the right; `mask` is 1 for real tokens."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    type_ids: NDArray[np.int64]


def pad(rows: Sequence[TokenRow], *, pad_id: int) -> PaddedRows:
    """Stack rows of unequal length."""
    shape = (len(rows), max(row.num_tokens for row in rows))
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    type_ids = np.zeros(shape, dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : row.num_tokens] = row.ids
        mask[index, : row.num_tokens] = 1
        type_ids[index, : row.num_tokens] = row.type_ids
    return PaddedRows(ids, mask, type_ids)
