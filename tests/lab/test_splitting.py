"""Splits are stratified, keep copies and documents together, and do not move when data grows."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingman.lab.data.split import count_rows, split_rows
from wingman.lab.data.text import split_key, text_key

rows = st.lists(st.tuples(st.integers(0, 60).map(str), st.sampled_from("abc")), min_size=1, max_size=150)


def keys_of(n):
    return [f"text {i}" for i in range(n)]


def test_shares_hold_in_every_class():
    labels = ["a"] * 700 + ["b"] * 300
    split = split_rows(keys_of(1000), labels, validation=0.1, test=0.2)

    assert count_rows(split) == {"train": 700, "validation": 100, "test": 200}
    assert (split[700:] == "test").sum() == 60


def test_every_class_with_three_rows_is_in_every_split():
    split = split_rows(keys_of(103), ["a"] * 100 + ["b"] * 3)

    assert sorted(split[100:]) == ["test", "train", "validation"]


@given(rows)
def test_equal_keys_share_a_split(pairs):
    keys, labels = zip(*pairs, strict=True)
    split = split_rows(keys, labels)

    assert len({(key, name) for key, name in zip(keys, split, strict=True)}) == len(set(keys))
    assert set(split) <= {"train", "validation", "test"}


@given(rows, st.randoms())
def test_order_does_not_matter(pairs, random):
    shuffled = pairs.copy()
    random.shuffle(shuffled)
    unique = list(
        dict(shuffled).items()
    )  # one label a key: the majority of a unit may depend on nothing else
    reverse = unique[::-1]

    one = dict(zip([key for key, _ in unique], split_rows(*zip(*unique, strict=True)), strict=True))
    two = dict(zip([key for key, _ in reverse], split_rows(*zip(*reverse, strict=True)), strict=True))

    assert one == two


def test_documents_stay_whole():
    groups = [str(i // 7) for i in range(700)]
    split = split_rows(keys_of(700), ["a", "b"] * 350, groups=groups)

    assert len({(group, name) for group, name in zip(groups, split, strict=True)}) == 100
    assert abs((split == "test").sum() - 140) < 30


@given(st.lists(st.tuples(st.integers(0, 9).map(str), st.sampled_from("abc")), min_size=1, max_size=150))
def test_train_shows_every_class_however_few_documents_have_it(pairs):
    groups, labels = zip(*pairs, strict=True)
    split = split_rows(keys_of(len(pairs)), labels, groups=groups)

    assert {label for label, name in zip(labels, split, strict=True) if name == "train"} == set(labels)


def test_of_two_documents_with_a_class_one_is_trained_on_and_the_other_tested():
    groups = [str(i // 30) for i in range(360)]
    split = split_rows(keys_of(360), ["neg"] * 60 + ["pos"] * 300, groups=groups)

    assert set(split[:60]) == {"train", "test"}


def test_grown_data_leaves_nearly_all_rows_where_they_were():
    before = split_rows(keys_of(1000), ["a"] * 1000)
    after = split_rows(keys_of(1100), ["a"] * 1100)[:1000]

    assert (before == after).mean() > 0.97


def test_given_splits_are_kept_and_a_missing_validation_is_cut_from_train():
    given_split = np.array(["train"] * 900 + ["test"] * 100, dtype=object)
    split = split_rows(keys_of(1000), ["a"] * 1000, given=given_split, validation=0.1)

    assert (split[900:] == "test").all()
    assert count_rows(split) == {"train": 810, "validation": 90, "test": 100}


@pytest.mark.parametrize(
    ("text", "hashed"),
    [("I love you 😍!", "i love you"), ("वह गयी", "वह गय"), ("snake_case", "snake_case"), (" :) ", ":)")],
)
def test_the_key_that_assigns_a_text_to_a_split_stays_as_it_was(text, hashed):
    assert split_key(text) == hashlib.sha256(hashed.encode()).hexdigest()[:16]


@given(st.text(), st.text(st.sampled_from(" \t!-_+😍\u200d\u093e"), max_size=3), st.text())
def test_texts_that_count_as_the_same_are_assigned_alike(start, mark, end):
    one, other = start + mark + end, start + " " + end

    assert text_key(one) != text_key(other) or split_key(one) == split_key(other)
