"""Batches hold every row once, respect the budget, and are as many in each epoch."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wingman.lab.training.batches import EncodedRows, TokenBudgetBatches, cut_by_budget

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=400).map(np.array)


@given(lengths, st.integers(1, 40), st.integers(300, 4000))
def test_every_row_is_in_one_batch_of_every_epoch(sizes, batch_rows, batch_tokens):
    batches = TokenBudgetBatches(sizes, batch_rows=batch_rows, batch_tokens=batch_tokens, seed=0)
    for epoch in (0, 1):
        batches.set_epoch(epoch)
        drawn = list(batches)

        assert sorted(row for batch in drawn for row in batch) == list(range(len(sizes)))
        assert len(drawn) == len(batches)
        assert max(map(len, drawn)) <= batch_rows


@given(lengths, st.integers(1, 40), st.integers(300, 4000))
def test_cuts_respect_the_budget(sizes, batch_rows, batch_tokens):
    ordered = np.sort(sizes)
    for start, stop in cut_by_budget(ordered, batch_rows=batch_rows, batch_tokens=batch_tokens):
        assert stop - start <= batch_rows
        assert (stop - start) * ordered[stop - 1] <= batch_tokens or stop - start == 1


def test_epochs_differ_and_the_same_epoch_repeats():
    sizes = np.random.default_rng(0).integers(5, 60, 500)
    batches = TokenBudgetBatches(sizes, batch_rows=16, batch_tokens=1024, seed=1)
    first = list(batches)
    again = list(batches)
    batches.set_epoch(1)

    assert first == again
    assert first != list(batches)


def test_padding_is_little():
    sizes = np.random.default_rng(0).lognormal(4, 0.8, 2000).astype(int).clip(3, 512)
    padded = sum(
        len(batch) * sizes[batch].max()
        for batch in TokenBudgetBatches(sizes, batch_rows=32, batch_tokens=4096, seed=0)
    )

    # Random batches of 32 of these pad 2.6 times.
    assert padded / sizes.sum() < 1.25


def test_rows_are_dictionaries_by_name():
    rows = EncodedRows({"input_ids": [[1, 2], [3]], "labels": [0, 1]})

    assert rows[1] == {"input_ids": [3], "labels": 1}
    assert list(rows.take([1]).lengths) == [1]
