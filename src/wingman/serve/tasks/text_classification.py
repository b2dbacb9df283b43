"""Text classification as the Hugging Face Inference API asks and answers it.

    {"inputs": "a text", "parameters": {"top_k": 2}}
    -> [[{"label": "positive", "score": 0.98}, {"label": "negative", "score": 0.02}]]

Always a list per input, best label first, also for one text alone: that is what the hosted API sends and
what `InferenceClient.text_classification` unwraps (huggingface_hub 2.4.0, `inference/_client.py`).
The scores are those of `transformers.pipeline("text-classification", truncation=True)` 5.23
(`pipelines/text_classification.py`, `postprocess`); all labels are given where no `top_k` is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wingman.serve.engine import Logits, TextInput
from wingman.serve.errors import Unprocessable
from wingman.serve.snapshot import ServedModel

FUNCTIONS = ("sigmoid", "softmax", "none")


@dataclass(frozen=True, slots=True)
class Parameters:
    """top_k: how many labels, None: all. function_to_apply: one of `FUNCTIONS`, None: the model's own."""

    top_k: int | None = None
    function_to_apply: str | None = None


def inputs(document: Mapping[str, Any]) -> list[TextInput]:
    """The texts in `document["inputs"]`: a string, a {"text", "text_pair"} object, or a list of these."""
    if "inputs" not in document:
        raise Unprocessable(
            'The body has no "inputs". Send {"inputs": "a text"} or {"inputs": ["one", "two"]}.'
        )
    given = document["inputs"]
    if isinstance(given, list):
        if not given:
            raise Unprocessable('"inputs" is an empty list; there is nothing to classify.')
        return [_text(item, f"inputs[{index}]") for index, item in enumerate(given)]
    return [_text(given, "inputs")]


def parameters(document: Mapping[str, Any]) -> Parameters:
    given = document.get("parameters")
    if given is None:
        return Parameters()
    if not isinstance(given, dict):
        raise Unprocessable('"parameters" must be an object.')
    unknown = sorted(set(given) - {"top_k", "function_to_apply"})
    if unknown:
        raise Unprocessable(
            f"Unknown parameters: {', '.join(unknown)}. Known are top_k and function_to_apply."
        )
    top_k, function = given.get("top_k"), given.get("function_to_apply")
    if top_k is not None and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1):
        raise Unprocessable(f"top_k must be a whole number from 1, not {top_k!r}.")
    if function is not None and function not in FUNCTIONS:
        raise Unprocessable(f"function_to_apply must be one of {', '.join(FUNCTIONS)}, not {function!r}.")
    return Parameters(top_k, function)


def answer(logits: Logits, parameters: Parameters, model: ServedModel) -> list[list[dict[str, Any]]]:
    """Labels and scores for each row of `logits` (rows, labels), best first; ties in the model's order."""
    scores = apply_function(logits, parameters.function_to_apply or default_function(model))
    best_first = np.argsort(-scores, axis=-1, kind="stable")[:, : parameters.top_k]
    return [
        [{"label": model.labels[index], "score": float(row[index])} for index in order]
        for row, order in zip(scores, best_first, strict=True)
    ]


def default_function(model: ServedModel) -> str:
    """Which function makes scores of this model's outputs: the pipeline's rules, in its order."""
    if model.problem_type == "regression":
        return "none"
    if model.problem_type == "multi_label_classification" or len(model.labels) == 1:
        return "sigmoid"
    return "softmax"


def apply_function(logits: Logits, function: str) -> NDArray[np.float32]:
    if function == "sigmoid":
        return np.exp(-np.logaddexp(np.float32(0), -logits))  # 1 / (1 + exp(-x)) without overflow
    if function == "softmax":
        shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return shifted / shifted.sum(axis=-1, keepdims=True)
    return logits


def _text(given: Any, where: str) -> TextInput:
    if isinstance(given, dict) and given.keys() == {"text", "text_pair"}:
        return _string(given["text"], f"{where}.text"), _string(given["text_pair"], f"{where}.text_pair")
    if isinstance(given, dict) and given.keys() == {"text"}:
        return _string(given["text"], f"{where}.text")
    return _string(given, where)


def _string(given: Any, where: str) -> str:
    if not isinstance(given, str):
        raise Unprocessable(f"{where} must be a string, not {_kind(given)}.")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise Unprocessable(
            f"{where} is not valid Unicode: half a surrogate pair at character {error.start}."
        ) from error
    return given


def _kind(given: Any) -> str:
    kinds = {dict: "an object", list: "a list", bool: "a boolean", type(None): "null"}
    return kinds.get(type(given), "a number")
