"""Files of every form read alike, and bad ones stop with the line and the way out."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingman.lab.data.read import read_table
from wingman.lab.errors import DataError

ROWS = [
    ("good, really good", "positive"),
    ('he said "no"', "negative"),
    ("two\nlines", "positive"),
    ("naïve café ☕", "negative"),
]


def write_rows(path, rows=ROWS):
    frame = pd.DataFrame(rows, columns=["text", "label"])
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    elif path.suffix == ".json":
        frame.to_json(path, orient="records", force_ascii=False)
    else:
        frame.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet"])
def test_every_form_gives_the_same_rows(tmp_path, name):
    table = read_table(str(write_rows(tmp_path / name)))

    assert list(table.frame.columns) == ["text", "label"]
    assert list(zip(table.frame["text"], table.frame["label"], strict=True)) == ROWS


def test_a_row_is_placed_on_the_line_where_it_begins(tmp_path):
    table = read_table(str(write_rows(tmp_path / "a.csv")))

    # The third row holds a line break, so the fourth begins on line 6.
    assert list(table.places) == ["line 2", "line 3", "line 4", "line 6"]


cell = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), min_size=1, max_size=30
).filter(lambda text: text.strip())


@given(rows=st.lists(st.tuples(cell, cell), min_size=1, max_size=8))
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    write_rows(path, rows)

    table = read_table(str(path))

    assert list(zip(table.frame["text"], table.frame["label"], strict=True)) == rows


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path, mark):
    path = tmp_path / "a.csv"
    path.write_text(
        f"id{mark}text{mark}label\n" + "".join(f"{n}{mark}some words here{mark}x\n" for n in range(9))
    )

    assert list(read_table(str(path)).frame.columns) == ["id", "text", "label"]


def test_a_quote_in_a_tab_separated_text_does_not_swallow_lines(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\nthe 5" screen\tgood\n"quoted" start\tbad\n')

    assert list(read_table(str(path)).frame["text"]) == ['the 5" screen', '"quoted" start']


def test_rows_with_a_field_too_many_are_named_by_line(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("text,label\nfine,a\nno, not fine,b\nfine,a\nthis, neither,b\n")

    with pytest.raises(DataError, match="line 3, line 5") as raised:
        read_table(str(path))

    assert raised.value.findings[0].code == "malformed_csv"
    assert raised.value.findings[0].count == 2


def test_a_quote_that_is_never_closed_is_found_where_it_opens(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text('text,label\nfine,a\n"never closed,b\nfine,a\n')

    with pytest.raises(DataError, match="line 3"):
        read_table(str(path))


def test_wrong_encoding_names_the_line_and_the_option(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes("text,label\nplain,a\ncafé,b\n".encode("cp1252"))

    with pytest.raises(DataError, match=r"line 3 .*--encoding cp1252"):
        read_table(str(path))
    assert read_table(str(path), encoding="cp1252").frame["text"][1] == "café"


def test_utf_16_with_its_mark_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\ncafé,a\n".encode("utf-16"))

    assert read_table(str(path)).frame["text"][0] == "café"


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_an_empty_file_is_said_to_be_empty(tmp_path, name):
    (tmp_path / name).write_bytes(b"")

    with pytest.raises(DataError, match="is empty"):
        read_table(str(tmp_path / name))


def test_a_header_without_rows_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n")

    with pytest.raises(DataError, match="no rows"):
        read_table(str(tmp_path / "a.csv"))


def test_a_cell_of_ten_megabytes_is_placed(tmp_path):
    path = write_rows(tmp_path / "a.csv", [("short", "a"), ("x" * 10_000_000, "b"), ("short", "a")])

    with pytest.raises(DataError, match=r"10,000,000 characters.*line 3"):
        read_table(str(path))


def test_lines_that_are_not_objects_are_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "label": "b"}\n[1]\n{"text": "a",\n')

    with pytest.raises(DataError, match="line 2, line 3"):
        read_table(str(path))


def test_a_parquet_file_cut_short_is_refused(tmp_path):
    path = write_rows(tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_table(str(path))


def test_a_missing_file_and_an_unknown_ending_are_said(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK")

    with pytest.raises(DataError, match="no file"):
        read_table(str(tmp_path / "absent.csv"))
    with pytest.raises(DataError, match=r"\.xlsx are not read"):
        read_table(str(tmp_path / "a.xlsx"))


def test_a_split_column_and_a_folder_of_splits_give_splits(tmp_path):
    rows = [
        {"text": f"text {n}", "label": "a", "split": name} for n, name in enumerate(["train", "dev", "test"])
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    for row in rows:
        (tmp_path / f"{row['split']}.csv").write_text(f"text,label\n{row['text']},a\n")

    by_column, by_folder = read_table(str(tmp_path / "a.json")), read_table(str(tmp_path))

    assert list(by_column.split) == ["train", "validation", "test"]
    assert set(zip(by_folder.frame["text"], by_folder.split, strict=True)) == set(
        zip(by_column.frame["text"], by_column.split, strict=True)
    )
    assert isinstance(by_folder.split, np.ndarray)


def test_a_folder_with_a_file_for_another_split_is_other_data(tmp_path):
    for name in ("train", "dev"):
        write_rows(tmp_path / f"{name}.csv")
    before = read_table(str(tmp_path))
    same = read_table(str(tmp_path))
    (tmp_path / "dev.csv").rename(tmp_path / "test.csv")
    other = read_table(str(tmp_path))

    assert same.is_pinned_by(before.digest)
    assert not other.is_pinned_by(before.digest)


@pytest.mark.parametrize(("value", "said"), [("", "is empty"), ("unsup", "says 'unsup'")])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_split_column_that_says_nothing_of_some_rows_is_not_passed_over(tmp_path, ending, value, said):
    names = ["train", "test"] * 20
    names[7] = value
    frame = pd.DataFrame({"text": [f"text {n}" for n in range(40)], "label": "a", "split": names})
    path = tmp_path / f"a.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)

    with pytest.raises(DataError, match=rf"'split'.*not in 1 row .*{said}.*line [89]\. Write train") as raised:
        read_table(str(path))

    assert raised.value.findings[0].code == "unknown_split"


def test_a_column_that_is_only_called_like_splits_is_left_alone(tmp_path):
    frame = pd.DataFrame({"text": [f"text {n}" for n in range(40)], "label": "a", "fold": range(40)})
    frame.to_csv(tmp_path / "a.csv", index=False)

    table = read_table(str(tmp_path / "a.csv"))

    assert table.split is None
    assert "fold" in table.frame


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [";", "|"])
def test_a_line_that_states_the_delimiter_is_obeyed_and_counted(tmp_path, mark, newline):
    path = tmp_path / "excel.csv"
    lines = [f"sep={mark}", f"text{mark}label", f"one, two{mark}a", f"three, four, five{mark}b"]
    path.write_bytes(b"\xef\xbb\xbf" + newline.join(lines).encode())

    table = read_table(str(path))

    assert list(table.frame.columns) == ["text", "label"]
    assert list(table.frame["text"]) == ["one, two", "three, four, five"]
    assert list(table.places) == ["line 3", "line 4"]


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"PAR1", r"a Parquet file.*\.parquet"),
        (b"PK\x03\x04", "Excel workbook.*CSV UTF-8"),
        (b"\x1f\x8b\x08", "gzip.*gunzip"),
    ],
)
def test_a_binary_file_called_csv_is_named_for_what_it_is(tmp_path, start, words):
    (tmp_path / "a.csv").write_bytes(start + bytes(range(256)))

    with pytest.raises(DataError, match=words):
        read_table(str(tmp_path / "a.csv"))


def test_a_packed_file_is_to_be_unpacked(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(b"\x1f\x8b")

    with pytest.raises(DataError, match=r"\.gz are not read\. Unpack it first"):
        read_table(str(tmp_path / "a.csv.gz"))


def test_a_wrong_encoding_shows_how_the_place_reads_in_the_advised_one(tmp_path):
    (tmp_path / "bad.csv").write_bytes("text,label\n“nice” café,b\n".encode("cp1252"))

    with pytest.raises(DataError, match=r"“nice” café.*as cp1252"):
        read_table(str(tmp_path / "bad.csv"))


def test_columns_without_a_name_are_passed_over_where_they_are_empty(tmp_path):
    (tmp_path / "empty.csv").write_text("text,label,,\none,a,,\ntwo,b,,\n")
    (tmp_path / "filled.csv").write_text("text,label,,\none,a,,\ntwo,b,,x\n")

    assert list(read_table(str(tmp_path / "empty.csv")).frame.columns) == ["text", "label"]
    assert list(read_table(str(tmp_path / "filled.csv")).frame.columns) == ["text", "label", "column 4"]


def test_a_name_given_to_two_columns_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text,label,text\none,a,two\n")

    with pytest.raises(DataError, match="names the column 'text' more than once"):
        read_table(str(tmp_path / "a.csv"))


def test_one_odd_row_is_spoken_of_as_one(tmp_path):
    (tmp_path / "bad.csv").write_text("text,label\nno, not fine,b\n")

    with pytest.raises(DataError, match=r"1 row has another number of fields \(the first one 3\): line 2\."):
        read_table(str(tmp_path / "bad.csv"))
