"""What we read from a repository's files, and what we say when they will not do."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.serve.tiny_model import write_tiny_model
from wingman.serve.errors import Unservable
from wingman.serve.loading import load_folder
from wingman.serve.snapshot import files_needed, read_model

FLIGHT = [
    ".gitattributes",
    "README.md",
    "config.json",
    "evaluation/predictions.parquet",
    "model.safetensors",
    "onnx/model.onnx",
    "onnx/model_int8.onnx",
    "serving.json",
    "tokenizer.json",
    "tokenizer_config.json",
]
SMALL = ["config.json", "serving.json", "tokenizer.json", "tokenizer_config.json"]


def write(folder: Path, name: str, document: Any) -> None:
    (folder / name).write_text(json.dumps(document))


def test_only_the_file_that_serving_json_names_is_downloaded() -> None:
    needed = files_needed(FLIGHT, {"format": 1, "file": "onnx/model_int8.onnx"})

    assert needed == [*SMALL, "onnx/model_int8.onnx"]


def test_an_onnx_export_is_preferred_to_weights_and_brings_its_external_data() -> None:
    names = ["config.json", "model.safetensors", "onnx/model.onnx", "onnx/model.onnx_data", "tokenizer.json"]

    assert files_needed(names, None) == [
        "config.json",
        "tokenizer.json",
        "onnx/model.onnx",
        "onnx/model.onnx_data",
    ]


def test_sharded_weights_come_whole_and_in_one_format() -> None:
    shards = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ]

    needed = files_needed(["config.json", "pytorch_model.bin", "nested/model.safetensors", *shards], None)

    assert needed == ["config.json", *shards]


def test_a_repository_without_a_model_says_what_is_missing() -> None:
    with pytest.raises(Unservable, match=r"neither an ONNX file .* nor transformers weights"):
        files_needed(["README.md", "config.json"], None)


def test_serving_json_that_names_a_missing_file_is_refused() -> None:
    with pytest.raises(
        Unservable, match=r"serving\.json names '\.\./\.\./secret', which is not in the repository"
    ):
        files_needed(FLIGHT, {"format": 1, "file": "../../secret"})


def test_without_serving_json_the_configuration_decides(tmp_path: Path) -> None:
    config = {
        "architectures": ["RobertaForSequenceClassification"],
        "id2label": {"10": "k", "2": "c", "0": "a"},
        "problem_type": "multi_label_classification",
        "max_position_embeddings": 514,
        "pad_token_id": 1,
    }
    write(tmp_path, "config.json", config)
    write(tmp_path, "tokenizer_config.json", {"model_max_length": 512, "truncation_side": "left"})

    model = read_model(tmp_path)

    assert (model.task, model.labels) == ("text-classification", ("a", "c", "k"))
    assert (model.max_length, model.pad_id, model.truncation_side) == (512, 1, "left")
    assert model.problem_type == "multi_label_classification"


def test_a_tokenizer_without_a_limit_leaves_it_to_the_model(tmp_path: Path) -> None:
    write(
        tmp_path,
        "config.json",
        {"architectures": ["BertForSequenceClassification"], "max_position_embeddings": 128},
    )
    write(tmp_path, "tokenizer_config.json", {"model_max_length": 1000000000000000019884624838656})

    assert read_model(tmp_path).max_length == 128


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", {"architectures": ["GPT2LMHeadModel"]}, "GPT2LMHeadModel, whose task is not served"),
        ("config.json", [], r"config\.json must hold a JSON object"),
        ("serving.json", {"format": 9}, "format 9"),
        ("serving.json", {"format": 1, "max_length": "64"}, "'max_length' must be a int"),
        ("serving.json", {"format": 1, "labels": [1, 2]}, "every label must be a string"),
    ],
    ids=lambda value: None if isinstance(value, dict | list) else str(value),
)
def test_unusable_files_are_named(tmp_path: Path, name: str, content: Any, said: str) -> None:
    write(tmp_path, "config.json", {"architectures": ["BertForSequenceClassification"]})
    write(tmp_path, name, content)

    with pytest.raises(Unservable, match=said):
        read_model(tmp_path)


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    write_tiny_model(tmp_path)
    (tmp_path / name).write_bytes(b"\x00 not what it says")

    with pytest.raises(Unservable, match=Path(name).name.replace(".", r"\.")):
        load_folder(tmp_path, threads=1, progress=lambda step: None)


def test_labels_that_do_not_fit_the_outputs_are_found_before_the_first_request(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    serving = json.loads((tmp_path / "serving.json").read_text())
    write(tmp_path, "serving.json", serving | {"labels": ["no", "yes"]})

    with pytest.raises(Unservable, match=r"shape \(1, 3\); its 2 labels need \(1, 2\)"):
        load_folder(tmp_path, threads=1, progress=lambda step: None)


@pytest.mark.parametrize("number", [10**12, "many"])
def test_a_config_does_not_fill_memory_with_labels(tmp_path: Path, number: object) -> None:
    write(tmp_path, "config.json", {"architectures": ["XForSequenceClassification"], "num_labels": number})

    with pytest.raises(Unservable, match="num_labels"):
        read_model(tmp_path)
