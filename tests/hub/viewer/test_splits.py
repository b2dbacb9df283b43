"""Which files make which split. `datasets` itself is the judge: what it would load is what the pages must show."""

from pathlib import Path

import pytest
from datasets import load_dataset_builder

from wingman.hub.repos.card import parse_front_matter
from wingman.hub.viewer.model import Table, TablePart
from wingman.hub.viewer.splits import MAX_COMPARISONS, find_tables

CARD_BY_SPLIT = """---
configs:
- config_name: fr
  data_files:
  - split: train
    path: "fr/a*.csv"
  - split: test
    path: ["fr/b.csv", "fr/c.csv"]
- config_name: en
  default: true
  data_files: "en/**"
---
"""
CARD_WITH_FOLDERS = """---
configs:
- config_name: small
  data_dir: small
- config_name: large
  data_dir: large
  data_files:
  - split: train
    path: "x.csv"
  - split: held_out
    path: ["y/*.csv"]
---
"""
LAYOUTS: dict[str, tuple[str, list[str]]] = {
    "one file": ("", ["reviews.csv"]),
    "names": ("", ["train.csv", "test.csv"]),
    "names with words around": ("", ["my-train-set.csv", "reviews_dev.csv", "eval.0.csv"]),
    "a word that only contains a keyword": ("", ["training_data.csv", "latest.csv", "retrain.csv"]),
    "folders": ("", ["train/a.csv", "train/b.csv", "validation/c.csv"]),
    "folders before names": ("", ["train/test.csv", "test/train.csv"]),
    "a folder with a number": ("", ["2024-train/part.csv", "2024-test/part.csv"]),
    "numbered shards": (
        "",
        ["data/train-00000-of-00002.csv", "data/train-00001-of-00002.csv", "data/odd-00000-of-00001.csv"],
    ),
    "shards with hashes": ("", ["data/train-00000-of-00001-0123456789abcdef.csv", "data/extra.csv"]),
    "shards outside data": ("", ["train-00000-of-00002.csv", "train-00001-of-00002.csv"]),
    "hidden files": ("", ["train.csv", ".cache/test.csv", "__old/validation.csv"]),
    "in capitals": ("", ["Train.csv", "TEST.csv"]),
    "splits by the card": (
        CARD_BY_SPLIT,
        ["en/x.csv", "en/deep/y.csv", "fr/a1.csv", "fr/a2.csv", "fr/b.csv", "fr/c.csv"],
    ),
    "folders by the card": (CARD_WITH_FOLDERS, ["small/train.csv", "small/test.csv", "large/x.csv", "large/y/1.csv"]),
    "mixed kinds": ("", ["train.csv", "validation.csv", "test.csv", "notes.jsonl"]),
}


def tables(paths: list[str], card: str = "") -> list[Table]:
    return find_tables([TablePart(path, f"key of {path}", 10) for path in paths], parse_front_matter(card))


def splits_shown(found: list[Table]) -> dict[str, dict[str, list[str]]]:
    shown: dict[str, dict[str, list[str]]] = {}
    for table in found:
        if table.config:
            shown.setdefault(table.config, {})[table.split] = [part.path for part in table.parts]
    return shown


def splits_loaded(folder: Path, config: str) -> dict[str, list[str]]:
    builder = load_dataset_builder(str(folder), config)
    suffix = ".csv"
    return {
        str(split): sorted(Path(file).relative_to(folder).as_posix() for file in files if file.endswith(suffix))
        for split, files in builder.config.data_files.items()
    }


@pytest.mark.parametrize("name", LAYOUTS)
def test_splits_are_those_that_load_dataset_finds(tmp_path: Path, name: str):
    card, paths = LAYOUTS[name]
    for path in [*paths, *(["README.md"] if card else [])]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(card if path == "README.md" else "text,label\nhello,1\n")

    shown = splits_shown(tables(paths, card))

    assert {config: splits_loaded(tmp_path, config) for config in shown} == shown


def test_the_default_configuration_comes_first_and_train_before_test():
    found = tables(["en/x.csv", "fr/a.csv", "fr/b.csv"], CARD_BY_SPLIT)

    assert [(table.config, table.split) for table in found] == [("en", "train"), ("fr", "train"), ("fr", "test")]


def test_files_in_no_split_are_tables_of_their_own():
    found = tables(["train.csv", "extra/notes.csv", "big-00000-of-00002.parquet", "big-00001-of-00002.parquet"])

    loose = [(table.path, len(table.parts)) for table in found if not table.config]
    assert loose == [("big-00000-of-00002.parquet", 2), ("extra/notes.csv", 1)]


def test_settings_in_json_are_no_rows():
    assert tables(["dataset_infos.json", "config.json", "deep/dataset_info.json"]) == []


@pytest.mark.parametrize(
    "card",
    [
        {"configs": "all of them"},
        {"configs": [None, 7, {"config_name": ["a"], "data_files": 3}]},
        {"configs": [{"data_files": [{"split": {"a": 1}, "path": {"b": 2}}]}]},
        {"configs": [{"data_files": {"train": ["../../etc/passwd", "/etc/passwd", "[", "a" * 10_000]}}]},
    ],
)
def test_a_malformed_card_hides_no_file(card: dict):
    found = find_tables([TablePart("a.csv", "k", 1)], card)

    assert [part.path for table in found for part in table.parts] == ["a.csv"]


def test_a_card_with_very_many_patterns_is_not_followed_to_the_end():
    patterns = [f"**/*{number}*.csv" for number in range(100)]
    configs = [{"config_name": str(number), "data_files": patterns} for number in range(400)]
    parts = [TablePart(f"d/{number}.csv", str(number), 1) for number in range(1000)]

    found = find_tables(parts, {"configs": configs})

    assert len({table.config for table in found if table.config}) <= MAX_COMPARISONS / (len(parts) * len(patterns))


def test_a_pattern_made_to_be_slow_is_quick():
    parts = [TablePart("a" * 200 + "/" + "a" * 200 + ".csv", "k", 1)]

    found = find_tables(parts, {"configs": [{"data_files": "**/" * 40 + "*a" * 100 + "b"}]})

    assert [table.config for table in found] == [""]
