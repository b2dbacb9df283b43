"""Our answers are those of `transformers.pipeline("text-classification")` over the same files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import pipeline

from tests.serve.tiny_model import MAX_LENGTH, write_tiny_model
from wingman.serve.engine import TextInput
from wingman.serve.loading import LoadedModel, load_folder
from wingman.serve.tasks.text_classification import Parameters, answer

TEXTS = [
    "The film was very good",
    "the plot is dull, slow and not funny",
    "so",
    "UPPERCASE and ünïcode: ça va? 日本語 🎬 e\u0301",
    "",
    "but it was a quick and bright film " * 40,
]
PAIRS: list[TextInput] = [("the film was good", "so was the plot"), ("a " * 60, "it is sad and slow " * 30)]

# Both compute in float32, in another order of additions.
FP32_TOLERANCE = 2e-5

ONNX_AND_TORCH = pytest.mark.parametrize("onnx", [True, False], ids=["onnx", "torch"])


def our_answers(
    model: LoadedModel, inputs: Sequence[TextInput], **parameters: Any
) -> list[list[dict[str, Any]]]:
    return answer(model.engine.run(model.engine.encode(inputs)), Parameters(**parameters), model.facts)


def load(folder: Path) -> LoadedModel:
    return load_folder(folder, threads=1, progress=lambda step: None)


def assert_same(ours: list[list[dict[str, Any]]], theirs: list[list[dict[str, Any]]]) -> None:
    assert [[entry["label"] for entry in row] for row in ours] == [
        [entry["label"] for entry in row] for row in theirs
    ]
    scores = [[entry["score"] for entry in row] for row in ours]
    np.testing.assert_allclose(
        scores, [[entry["score"] for entry in row] for row in theirs], atol=FP32_TOLERANCE
    )


@ONNX_AND_TORCH
@pytest.mark.parametrize(
    ("labels", "problem_type"),
    [
        (("negative", "neutral", "positive"), None),
        (("negative", "positive"), "single_label_classification"),
        (("rude", "spam", "sad"), "multi_label_classification"),
        (("toxic",), None),
        (("stars",), "regression"),
    ],
    ids=lambda value: str(value),
)
def test_scores_and_labels_equal_the_pipelines(
    tmp_path: Path, onnx: bool, labels: tuple[str, ...], problem_type: str | None
) -> None:
    write_tiny_model(tmp_path, labels=labels, problem_type=problem_type, onnx=onnx, serving=onnx)
    stock = pipeline("text-classification", model=str(tmp_path), top_k=None, device="cpu")

    ours = our_answers(load(tmp_path), TEXTS)

    assert_same(ours, stock(TEXTS, truncation=True))


@pytest.mark.parametrize("function", ["sigmoid", "softmax", "none"])
def test_the_function_can_be_chosen_as_in_the_pipeline(tiny_model: Path, function: str) -> None:
    stock = pipeline("text-classification", model=str(tiny_model), top_k=2, device="cpu")

    ours = our_answers(load(tiny_model), TEXTS, top_k=2, function_to_apply=function)

    assert_same(ours, stock(TEXTS, truncation=True, function_to_apply=function))


def test_pairs_of_texts_equal_the_pipelines(tiny_model: Path) -> None:
    stock = pipeline("text-classification", model=str(tiny_model), top_k=None, device="cpu")

    ours = our_answers(load(tiny_model), PAIRS)

    theirs = [stock({"text": first, "text_pair": second}, truncation=True) for first, second in PAIRS]
    assert_same(ours, theirs)


def test_an_answer_does_not_depend_on_its_neighbours_in_the_batch(tiny_model: Path) -> None:
    model = load(tiny_model)

    together = our_answers(model, TEXTS)

    assert_same(together, [our_answers(model, [text])[0] for text in TEXTS])


def test_a_tokenizer_saved_with_other_truncation_and_padding_is_put_right(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    tokenizer = (tmp_path / "tokenizer.json").read_text()
    assert '"truncation": null' in tokenizer
    cut_at_eight = (
        '"truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}'
    )
    (tmp_path / "tokenizer.json").write_text(tokenizer.replace('"truncation": null', cut_at_eight))

    rows = load(tmp_path).engine.encode(TEXTS)

    assert max(row.num_tokens for row in rows) == MAX_LENGTH
    assert min(row.num_tokens for row in rows) == 2
