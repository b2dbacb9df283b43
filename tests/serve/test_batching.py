"""The batcher's promises, for any rows in any order."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from wingman.serve.batching import Accepted, Batch, Batcher, BatchLimits, Overloaded


@dataclass(frozen=True)
class Text:
    num_tokens: int


def batcher(**limits: float) -> Batcher[Text]:
    return Batcher(BatchLimits(**limits))  # type: ignore[arg-type]


def take_all(waiting: Batcher[Text]) -> list[Batch[Text]]:
    batches = []
    while (batch := waiting.take()) is not None:
        batches.append(batch)
    return batches


def test_a_lone_row_is_taken_at_once() -> None:
    waiting = batcher()

    waiting.offer([Text(12)], now=0.0)

    assert waiting.take() == Batch(positions=(0,), rows=(Text(12),))
    assert waiting.take() is None


def test_rows_of_like_length_run_together_and_long_ones_apart() -> None:
    waiting = batcher(padding_allowance=8)

    waiting.offer([Text(10), Text(200), Text(12), Text(205), Text(11)], now=0.0)

    assert [[row.num_tokens for row in batch.rows] for batch in take_all(waiting)] == [
        [10, 11, 12],
        [200, 205],
    ]


def test_a_row_longer_than_a_whole_batch_runs_alone() -> None:
    waiting = batcher(max_tokens=64, padding_allowance=1000)

    waiting.offer([Text(500), Text(20), Text(30)], now=0.0)

    assert [[row.num_tokens for row in batch.rows] for batch in take_all(waiting)] == [[500], [20, 30]]


def test_an_offer_over_the_queue_is_refused_whole() -> None:
    waiting = batcher(max_queued=3)
    waiting.offer([Text(5), Text(5)], now=0.0)

    refused = waiting.offer([Text(5), Text(5)], now=0.0)

    assert refused == Overloaded(num_queued=2, retry_after_s=1.0)
    assert waiting.num_queued == 2


def test_the_advice_when_to_come_back_follows_the_pace() -> None:
    waiting = batcher(max_queued=40)
    waiting.finished(Batch(positions=(0, 1), rows=(Text(5), Text(5))), seconds=1.0)
    waiting.offer([Text(5)] * 40, now=0.0)

    refused = waiting.offer([Text(5)], now=0.0)

    assert isinstance(refused, Overloaded)
    assert refused.retry_after_s == 20.0


def test_rows_that_waited_too_long_are_given_up() -> None:
    waiting = batcher(max_wait_s=10)
    waiting.offer([Text(5)], now=0.0)
    waiting.offer([Text(6)], now=8.0)

    assert waiting.expire(now=11.0) == (0,)
    assert [batch.positions for batch in take_all(waiting)] == [(1,)]


def test_withdrawn_rows_are_not_run() -> None:
    waiting = batcher()
    accepted = waiting.offer([Text(5), Text(5)], now=0.0)
    assert isinstance(accepted, Accepted)

    waiting.withdraw(accepted.positions[:1])

    assert [batch.positions for batch in take_all(waiting)] == [(1,)]


@given(
    lengths=st.lists(st.integers(1, 512), min_size=1, max_size=60),
    allowance=st.integers(0, 200),
    max_tokens=st.integers(1, 2048),
)
def test_every_batch_keeps_every_bound(lengths: list[int], allowance: int, max_tokens: int) -> None:
    waiting = batcher(max_rows=8, max_tokens=max_tokens, padding_allowance=allowance)
    waiting.offer([Text(length) for length in lengths], now=0.0)

    for batch in take_all(waiting):
        padding = batch.num_padded_tokens - sum(row.num_tokens for row in batch.rows)
        assert len(batch.rows) <= 8
        assert len(batch.rows) == 1 or batch.num_padded_tokens <= max_tokens
        assert padding <= allowance * (len(batch.rows) - 1)


class BatcherRuns(RuleBasedStateMachine):
    """Offers, withdrawals and batches in any order: no row is lost, doubled, or overtaken for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher = batcher(max_rows=4, max_tokens=256, padding_allowance=16, max_queued=20)
        self.waiting: dict[int, Text] = {}

    @rule(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=12))
    def offer(self, lengths: list[int]) -> None:
        rows = [Text(length) for length in lengths]
        outcome = self.batcher.offer(rows, now=0.0)
        if isinstance(outcome, Accepted):
            assert not set(outcome.positions) & set(self.waiting)
            self.waiting.update(zip(outcome.positions, rows, strict=True))
        else:
            assert len(self.waiting) + len(rows) > 20

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(sorted(self.waiting)))
        self.batcher.withdraw([position])
        del self.waiting[position]

    @rule(shares=st.integers(1, 5))
    def take(self, shares: int) -> None:
        batch = self.batcher.take(shares=shares)
        if batch is None:
            assert not self.waiting
            return
        assert min(self.waiting) in batch.positions
        assert len(batch.rows) <= -(-len(self.waiting) // shares)
        for position, row in zip(batch.positions, batch.rows, strict=True):
            assert self.waiting.pop(position) == row

    @invariant()
    def counts_what_waits(self) -> None:
        assert self.batcher.num_queued == len(self.waiting)


test_no_row_is_lost_or_doubled = BatcherRuns.TestCase
