"""Datasets of strangers: only their own files are read, whatever their cards name."""

from pathlib import Path

import pandas as pd
import pytest

from wingman.lab.data import hub
from wingman.lab.data.hub import _check_files, _read_snapshot
from wingman.lab.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the client lays a snapshot out: links to where the bytes are kept. Beside it lies somebody's own file."""
    (tmp_path / "secret.csv").write_text("text,label\nmine,a\nyours,b\n")
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "1a").write_text("text,label\ngood,a\nbad,b\n")
    (tmp_path / "snapshot" / "data").mkdir(parents=True)
    (tmp_path / "snapshot" / "data" / "rows.csv").symlink_to("../../blobs/1a")
    return tmp_path / "snapshot"


def write_card(folder: Path, pattern: str, name: str = "README.md") -> None:
    configs = f"configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: [{pattern!r}]\n"
    (folder / name).write_text(f"---\n{configs}---\n" if name == "README.md" else configs)


def test_the_files_that_a_card_names_are_read(folder: Path):
    write_card(folder, "data/*.csv")

    table = _read_snapshot(folder, "eve/data", "c")

    assert list(table.frame["text"]) == ["good", "bad"]


def test_a_row_without_a_class_is_one_without_a_label(folder: Path):
    features = "[{name: text, dtype: string}, {name: label, dtype: {class_label: {names: {'0': bad, '1': good}}}}]"
    (folder / "README.md").write_text(f"---\ndataset_info: {{features: {features}}}\n---\n")
    (folder / "data" / "rows.csv").unlink()
    pd.DataFrame({"text": ["a", "b", "c"], "label": pd.array([1, None, 0], dtype="Int64")}).to_parquet(
        folder / "data" / "train.parquet"
    )

    table = _read_snapshot(folder, "eve/data", "c")

    assert list(table.frame["label"].fillna("")) == ["good", "", "bad"]


def test_splits_are_known_by_all_their_names_and_others_are_told_of(folder: Path):
    splits = "".join(f"  - {{split: {name}, path: data/rows.csv}}\n" for name in ("train", "val", "eval", "unlabelled"))
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{splits}---\n")

    table = _read_snapshot(folder, "eve/data", "c")

    assert list(table.split) == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert [str(note) for note in table.notes] == [
        "The split 'unlabelled' (2 rows) is not read: it is called neither train, validation nor test."
    ]


@pytest.mark.parametrize("name", ["README.md", ".huggingface.yaml"])
@pytest.mark.parametrize(
    "pattern", ["{}/secret.csv", "../secret.csv", "data/../../*.csv", "http://127.0.0.1:9/x.csv", "zip://*.csv::a.zip"]
)
def test_no_other_file_is(folder: Path, pattern: str, name: str):
    write_card(folder, pattern.format(folder.parent), name)

    with pytest.raises(DataError, match="not a file of its own"):
        _read_snapshot(folder, "eve/data", "c")


@pytest.mark.parametrize("pattern", ["{}/secret.csv", "../secret.csv"])
def test_nor_by_a_card_that_is_understood_otherwise(folder: Path, pattern: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hub, "_check_configs", lambda *_: None)
    write_card(folder, pattern.format(folder.parent))

    with pytest.raises(DataError, match="not a file of its own"):
        _read_snapshot(folder, "eve/data", "c")


def test_a_folder_of_the_same_beginning_is_another(tmp_path: Path):
    with pytest.raises(DataError):
        _check_files({"train": [str(tmp_path / "data-2" / "a.csv")]}, tmp_path / "data", "eve/data")


def test_a_card_of_endless_values_is_refused(folder: Path):
    links = (f"a{link}: &a{link} {{<<: [*a{link - 1}, *a{link - 1}]}}\n" for link in range(1, 40))
    (folder / "README.md").write_text("---\na0: &a0 {x: 1}\n" + "".join(links) + "---\n")

    with pytest.raises(DataError, match="merges"):
        _read_snapshot(folder, "eve/data", "c")
