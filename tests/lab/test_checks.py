"""What is wrong with data is found, with its rows; repairing leaves out just those."""

import numpy as np
import pandas as pd
import pytest

from wingman.lab.data.columns import as_text
from wingman.lab.data.model import Table
from wingman.lab.errors import DataError
from wingman.lab.tasks.text_classification import (
    TASK,
    baseline,
    inspect,
    recognise,
    repair,
    to_examples,
)

COLUMNS = {"text": "text", "label": "label"}


def make_table(rows, split=None):
    frame = pd.DataFrame(rows, columns=["text", "label"], dtype=object)
    places = np.array([f"line {n}" for n in range(2, len(frame) + 2)], dtype=object)
    return Table(frame, places, None if split is None else np.array(split, dtype=object), "a.csv", "0" * 64)


def good_rows(n=40):
    return [(f"this is sentence number {i} of the lot", "yes" if i % 2 else "no") for i in range(n)]


def found(table, code):
    return next((finding for finding in inspect(table, COLUMNS) if finding.code == code), None)


def test_clean_rows_have_no_errors():
    assert [finding for finding in inspect(make_table(good_rows()), COLUMNS) if finding.level != "info"] == []


def test_one_class_only_is_an_error():
    finding = found(make_table([(text, "yes") for text, _ in good_rows()]), "one_class")

    assert finding.level == "error"
    assert "'yes'" in finding.message


def test_two_rows_are_too_few():
    finding = found(make_table(good_rows(2)), "too_few_rows")

    assert finding.level == "error"
    assert finding.places == ("line 2", "line 3")


def test_missing_values_are_left_out_but_half_of_them_is_an_error():
    few = make_table([*good_rows(), (None, "yes"), ("  ", "no")])
    many = make_table([*good_rows(20), *[(None, "yes")] * 30])

    assert (found(few, "missing").level, found(few, "missing").places) == ("warning", ("line 42", "line 43"))
    assert found(many, "missing").level == "error"


def test_conflicting_labels_stop_and_are_repaired():
    table = make_table([*good_rows(), ("Same text!", "yes"), ("same  text", "no")])

    finding = found(table, "conflicting_labels")
    mended = repair(table, COLUMNS)

    assert (finding.level, finding.places) == ("error", ("line 42", "line 43"))
    assert len(mended) == 40
    assert found(mended, "conflicting_labels") is None


def test_repeats_are_counted_and_left_out():
    table = make_table([*good_rows(), ("THIS is sentence number 3 of the lot!", "yes")])

    assert found(table, "duplicates").places == ("line 42",)
    assert len(to_examples(table, COLUMNS, seed=0, validation=0.1, test=0.2).frame) == 40


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("वह गया", "वह गयी"),
        ("ปี", "ปู"),
        ("I love you 😍", "I love you 😡"),
        ("+5", "-5"),
        ("C++", "C#"),
    ],
)
def test_texts_that_differ_in_vowel_marks_or_signs_are_not_the_same(one, other):
    table = make_table([*good_rows(), (one, "yes"), (other, "no")])

    assert found(table, "conflicting_labels") is None
    assert len(to_examples(table, COLUMNS, seed=0, validation=0.1, test=0.2).frame) == 42


def test_test_rows_among_the_training_rows_are_found_and_the_training_copy_goes():
    rows = [*good_rows(), ("This is sentence number 3 of the lot.", "yes")]
    table = make_table(rows, split=["train"] * 40 + ["test"])

    finding = found(table, "leaks")
    mended = repair(table, COLUMNS)

    assert finding.level == "error"
    assert finding.places == ("line 42",)
    assert "line 5" in finding.message
    assert list(mended.split).count("test") == 1
    assert found(mended, "leaks") is None


def test_classes_that_train_never_shows_are_found():
    table = make_table([*good_rows(), ("a wholly new thing", "maybe")], split=["train"] * 40 + ["test"])

    assert found(table, "unseen_class").places == ("line 42",)


def test_unequal_classes_are_mentioned():
    rows = [(f"text number {i}", "rare" if i < 4 else "common") for i in range(100)]

    assert "macro F1" in found(make_table(rows), "unbalanced").message


def test_a_column_that_looks_like_the_document_can_be_left_alone():
    table = make_table(good_rows())
    table.frame["group"] = [f"group {number % 7}" for number in range(len(table))]

    assert [guess.role for guess in recognise(table, {})] == ["text", "label", "document"]
    assert [guess.role for guess in recognise(table, {"document": ""})] == ["text", "label"]
    with pytest.raises(DataError, match="no column ''"):
        recognise(table, {"label": ""})


def test_a_column_of_free_text_is_not_a_label():
    frame = make_table(good_rows()).frame
    frame["label"] = [f"unique {i}" for i in range(40)]

    assert found(make_table(list(frame.itertuples(index=False, name=None))), "not_a_label").level == "error"


@pytest.mark.parametrize(
    "names",
    [
        ("text", "label"),
        ("review", "sentiment"),
        ("message", "category"),
        ("Sentence", "Class"),
        ("Avis", "Catégorie"),
    ],
)
def test_columns_are_recognised_by_name_and_content(names):
    table = make_table(good_rows())
    frame = table.frame.set_axis(list(names), axis=1)
    frame.insert(0, "id", [str(i) for i in range(40)])
    guesses = recognise(Table(frame, table.places, None, "a.csv", ""), {})

    assert {guess.role: guess.column for guess in guesses} == dict(zip(("text", "label"), names, strict=True))
    assert all(guess.confidence > 0.8 for guess in guesses)


def test_nameless_columns_are_recognised_with_less_confidence():
    table = make_table(good_rows())
    guesses = recognise(Table(table.frame.set_axis(["a", "b"], axis=1), table.places, None, "a.csv", ""), {})

    assert {guess.role: guess.column for guess in guesses} == {"text": "a", "label": "b"}
    assert all(guess.confidence <= 0.5 for guess in guesses)


def test_the_column_with_few_values_is_the_label_and_one_of_dates_or_of_one_value_is_not():
    table = make_table(good_rows(600))
    frame = table.frame.set_axis(["was gesagt wurde", "zufrieden?"], axis=1)
    frame.insert(0, "Datum", [f"{i % 28 + 1:02}.{i % 12 + 1:02}.2024" for i in range(600)])
    frame.insert(0, "Land", "DE")
    frame.insert(0, "Filiale", [f"Filiale {i % 80}" for i in range(600)])
    guesses = {guess.role: guess for guess in recognise(Table(frame, table.places, None, "a.csv", ""), {})}

    assert guesses["label"].column == "zufrieden?"
    assert guesses["label"].confidence == 0.5


@pytest.mark.parametrize("value", [["a", "b"], {"a": 1}, np.array(["a"])])
@pytest.mark.parametrize("role", ["text", "label"])
def test_lists_and_objects_are_neither_texts_nor_labels(role, value):
    rows = [{"text": text, "label": label} for text, label in good_rows()]
    rows[3][role] = value
    table = make_table([(row["text"], row["label"]) for row in rows])

    finding = found(table, "nested")
    assert (finding.level, finding.places) == ("error", ("line 5",))
    assert f"--column {role}=NAME" in finding.advice


@pytest.mark.parametrize("numbers", [[n / 10 for n in range(40)], list(range(4000))])
def test_numbers_that_measure_are_not_classes(numbers):
    rows = [(f"this is sentence number {i}", number) for i, number in enumerate(numbers * 3)]

    assert f"{len(numbers):,} different numbers" in found(make_table(rows), "measured").message


def test_numbers_that_name_classes_are_labels():
    rows = [(f"this is sentence number {i}", i % 150) for i in range(3000)]

    assert [finding for finding in inspect(make_table(rows), COLUMNS) if finding.level == "error"] == []


def test_a_missing_header_line_is_found():
    table = make_table(good_rows())
    names = ["this is sentence number 0 of the lot", "no"]
    headless = Table(table.frame[1:].set_axis(names, axis=1), table.places[1:], None, "a.csv", "")

    codes = {finding.code for finding in inspect(headless, dict(zip(("text", "label"), names, strict=True)))}
    assert "no_header" in codes


def test_a_label_column_called_like_one_of_its_labels_is_no_missing_header():
    rows = [(text, "spam" if label == "yes" else "ham") for text, label in good_rows()]
    frame = make_table(rows).frame.set_axis(["message", "spam"], axis=1)
    table = Table(frame, make_table(rows).places, None, "a.csv", "")

    assert inspect(table, {"text": "message", "label": "spam"}) == []


def test_an_unknown_column_lists_those_there_are():
    with pytest.raises(DataError, match=r"no column 'sentiment'.*text, label"):
        recognise(make_table(good_rows()), {"label": "sentiment"})


def test_a_document_column_is_recognised_when_rows_share_it():
    table = make_table(good_rows())
    frame = table.frame.assign(document=[str(i // 4) for i in range(40)])

    assert {guess.role for guess in recognise(Table(frame, table.places, None, "a.csv", ""), {})} == {
        "text",
        "label",
        "document",
    }


def test_rows_that_name_no_document_are_not_one_document():
    table = make_table(good_rows(100))
    frame = table.frame.assign(source=[None if i < 60 else f"d{i // 4}" for i in range(100)])
    table = Table(frame, table.places, None, "a.csv", "")

    examples = to_examples(table, {**COLUMNS, "document": "source"}, seed=0, validation=0.1, test=0.2).frame

    assert examples["group"].nunique() == 70
    assert set(examples["split"][:60]) == {"train", "validation", "test"}


def test_a_column_of_lists_is_no_document_column():
    table = make_table(good_rows())
    frame = table.frame.assign(article=[[str(i // 4)] for i in range(40)])

    assert {guess.role for guess in recognise(Table(frame, table.places, None, "a.json", ""), {})} == {"text", "label"}


def test_whole_numbers_too_large_for_integers_are_values_all_the_same():
    assert list(as_text(pd.Series([2.0**63, 1.0, None])).dropna()) == ["9.223372036854776e+18", "1.0"]


def test_numbers_are_labels_in_order_of_value():
    rows = [(f"text number {i}", i % 3 + 9) for i in range(60)]

    assert to_examples(make_table(rows), COLUMNS, seed=0, validation=0.1, test=0.2).labels == [
        "9",
        "10",
        "11",
    ]


def test_the_baseline_takes_texts_that_share_no_word():
    train = pd.DataFrame({"text": [f"word{i}" for i in range(600)], "label": [i % 2 for i in range(600)]})

    scores = baseline(train, {"test": train[:40]}, 2, seed=0)["test"]

    assert (scores.argmax(axis=1) == train["label"][:40]).all()


def test_every_role_of_the_task_has_a_name_and_a_summary():
    assert all(role.names and role.summary for role in TASK.roles)
