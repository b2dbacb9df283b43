"""Which waiting rows to run together: a plain object that knows no clock, thread or socket.

Rows go in with the time, batches come out. Whoever owns the engine calls `take` whenever it is free, so a
lone request never waits for company, and under load the batch is whatever gathered during the last run.

A batch is padded to its longest row, and padding costs as much as text. So a batch is built around the row
that waited longest (nobody starves), from the rows nearest to it in length, and a row is let in only if
the padding this causes costs less than the fixed cost of running it on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Row(Protocol):
    """One thing to predict for."""

    @property
    def num_tokens(self) -> int: ...


RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """max_rows, max_tokens: bounds of one batch, tokens counted with padding (a longer row runs alone).
    padding_allowance: tokens of padding that one more row may cause; about a run's fixed cost, in tokens.
    max_queued: rows that may wait; beyond it offers are refused.
    max_wait_s: rows that waited longer are given up, since whoever asked has most likely gone.
    """

    max_rows: int = 32
    max_tokens: int = 4096
    padding_allowance: int = 32
    max_queued: int = 1024
    max_wait_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Accepted(Generic[RowT]):
    """The rows wait their turn; `positions` names each of them in later batches."""

    positions: range


@dataclass(frozen=True, slots=True)
class Overloaded:
    """Nothing was taken. `retry_after_s` is when the queue should have emptied at the pace seen so far."""

    num_queued: int
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Batch(Generic[RowT]):
    """Rows to run together, shortest first, and the position each was accepted under."""

    positions: tuple[int, ...]
    rows: tuple[RowT, ...]

    @property
    def num_padded_tokens(self) -> int:
        return len(self.rows) * max(row.num_tokens for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[RowT]):
    position: int
    row: RowT
    since: float


class Batcher(Generic[RowT]):
    """The queue in front of an engine. Times are seconds on any clock that does not run backwards."""

    def __init__(self, limits: BatchLimits) -> None:
        self.limits = limits
        self._waiting: dict[int, _Waiting[RowT]] = {}  # by position, so oldest first
        self._next_position = 0
        self._seconds_per_row: float | None = None

    @property
    def num_queued(self) -> int:
        return len(self._waiting)

    def offer(self, rows: Sequence[RowT], *, now: float) -> Accepted[RowT] | Overloaded:
        """Queue all of `rows` or none."""
        if len(self._waiting) + len(rows) > self.limits.max_queued:
            return Overloaded(len(self._waiting), self._seconds_to_empty())
        positions = range(self._next_position, self._next_position + len(rows))
        for position, row in zip(positions, rows, strict=True):
            self._waiting[position] = _Waiting(position, row, now)
        self._next_position = positions.stop
        return Accepted(positions)

    def withdraw(self, positions: Sequence[int]) -> None:
        """Forget rows nobody waits for any more; those already taken are not affected."""
        for position in positions:
            self._waiting.pop(position, None)

    def expire(self, *, now: float) -> tuple[int, ...]:
        """Give up the rows that waited longer than `max_wait_s` and return their positions."""
        late: list[int] = []
        for waiting in self._waiting.values():
            if now - waiting.since <= self.limits.max_wait_s:
                break
            late.append(waiting.position)
        self.withdraw(late)
        return tuple(late)

    def take(self, *, shares: int = 1) -> Batch[RowT] | None:
        """The next batch, always with the row that waited longest in it; None when nothing waits.

        shares: runs that could begin now. What waits is shared out among them.
        """
        if not self._waiting:
            return None
        chosen = self._choose(min(self.limits.max_rows, -(-len(self._waiting) // shares)))
        self.withdraw([waiting.position for waiting in chosen])
        return Batch(
            positions=tuple(waiting.position for waiting in chosen),
            rows=tuple(waiting.row for waiting in chosen),
        )

    def finished(self, batch: Batch[RowT], *, seconds: float) -> None:
        """Learn the pace (a moving average over runs) from a batch that took `seconds`."""
        pace = seconds / len(batch.rows)
        known = self._seconds_per_row
        self._seconds_per_row = pace if known is None else 0.9 * known + 0.1 * pace

    def _choose(self, max_rows: int) -> list[_Waiting[RowT]]:
        oldest = next(iter(self._waiting.values()))
        anchor = oldest.row.num_tokens
        # Sorting is stable: of two rows equally near in length the one that came first goes first.
        nearest = sorted(self._waiting.values(), key=lambda waiting: abs(waiting.row.num_tokens - anchor))
        chosen, longest = [oldest], anchor
        for waiting in nearest:
            if len(chosen) >= max_rows:
                break
            if waiting is oldest:
                continue
            length = waiting.row.num_tokens
            new_longest = max(longest, length)
            padding = (len(chosen) + 1) * new_longest - len(chosen) * longest - length
            if (
                padding <= self.limits.padding_allowance
                and (len(chosen) + 1) * new_longest <= self.limits.max_tokens
            ):
                chosen.append(waiting)
                longest = new_longest
        return sorted(chosen, key=lambda waiting: waiting.row.num_tokens)

    def _seconds_to_empty(self) -> float:
        return max(1.0, len(self._waiting) * (self._seconds_per_row or 0.0))
