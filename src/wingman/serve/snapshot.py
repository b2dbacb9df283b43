"""What a repository's files say about the model in them, and which of the files serving needs.

Three kinds of repository can be served: one with `serving.json` (as a flight publishes it), one with an ONNX
export beside the usual transformers files, and one with plain weights, which needs torch.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wingman.serve.errors import Unservable

SERVING_FILE = "serving.json"
SERVING_FORMAT = 1
ONNX_FILES = ("onnx/model.onnx", "model.onnx")
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
MAX_LABELS = 100_000
UNLIMITED = 1_000_000  # tokenizers write a huge integer into `model_max_length` where they know none


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """All that answering needs to know about a model beside its weights."""

    task: str
    labels: tuple[str, ...]
    problem_type: str | None
    max_length: int
    pad_id: int
    truncation_side: str
    onnx_file: str | None
    """Relative to the snapshot; None: run the transformers weights."""
    precision: str

    @property
    def runs_rows_alone(self) -> bool:
        """Whether a row's answer would depend on the rows it is run with.

        Dynamic int8 takes one scale for a whole batch's activations, padding included. On 2,014 movie sentences,
        batches of 32 changed 34 labels and scores by up to 0.38 against the same rows run alone. One at a time,
        every answer is that of its text and nothing else, for a sixth to a quarter of the throughput.
        """
        return self.precision == "int8"


def files_needed(names: Iterable[str], serving: Mapping[str, Any] | None) -> list[str]:
    """The files of a repository to download, given all their names and its `serving.json` if it has one.

    An ONNX file is preferred to weights. Raises `Unservable` when there is neither.
    """
    present = set(names)
    small = [name for name in ("config.json", SERVING_FILE, *TOKENIZER_FILES) if name in present]
    onnx_file = _onnx_file(present, serving)
    if onnx_file is not None:
        external = [name for name in (f"{onnx_file}_data", f"{onnx_file}.data") if name in present]
        return [*small, onnx_file, *external]
    if not present.intersection(WEIGHT_FILES):
        raise Unservable(
            f"The repository has neither an ONNX file ({' or '.join(ONNX_FILES)}) nor transformers weights "
            f"({' or '.join(WEIGHT_FILES[::2])})."
        )
    at_root = [name for name in present if "/" not in name]
    suffix = ".safetensors" if any(name.endswith(".safetensors") for name in at_root) else ".bin"
    weights = sorted(name for name in at_root if name.endswith((suffix, f"{suffix}.index.json")))
    return [*small, *weights]


def read_model(folder: Path) -> ServedModel:
    """Read the model's facts from a snapshot folder. Raises `Unservable`, naming the file and the field."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    config = _read_json(folder, "config.json", required=True)
    tokenizer = _read_json(folder, "tokenizer_config.json")
    serving = _read_json(folder, SERVING_FILE) or None
    check_serving(serving)
    serving = serving or {}
    onnx_file = _onnx_file(names, serving or None)
    return ServedModel(
        task=serving.get("task") or _task_of(config),
        labels=tuple(serving.get("labels") or _labels(config)),
        problem_type=serving.get("problem_type") or config.get("problem_type"),
        max_length=serving.get("max_length") or _max_length(config, tokenizer),
        pad_id=_pad_id(folder, config, tokenizer),
        truncation_side=tokenizer.get("truncation_side") or "right",
        onnx_file=onnx_file,
        precision=serving.get("precision") or "fp32",
    )


def read_serving(path: Path) -> dict[str, Any]:
    """A `serving.json`, checked."""
    serving = _read_json(path.parent, path.name, required=True)
    check_serving(serving)
    return serving


def check_serving(serving: Mapping[str, Any] | None) -> None:
    """Raises `Unservable` for a `serving.json` of another format or with fields of the wrong kind."""
    if serving is None:
        return
    if serving.get("format") != SERVING_FORMAT:
        raise Unservable(
            f"{SERVING_FILE} has format {serving.get('format')!r}; this Wingman reads {SERVING_FORMAT}."
        )
    kinds: dict[str, type] = {"task": str, "file": str, "precision": str, "max_length": int, "labels": list}
    for field, kind in kinds.items():
        if field in serving and not isinstance(serving[field], kind):
            raise Unservable(f"{SERVING_FILE}: {field!r} must be a {kind.__name__}, not {serving[field]!r}.")
    if not all(isinstance(label, str) for label in serving.get("labels", ())):
        raise Unservable(f"{SERVING_FILE}: every label must be a string.")


def _onnx_file(present: set[str], serving: Mapping[str, Any] | None) -> str | None:
    if serving is not None and "file" in serving:
        if serving["file"] not in present:
            raise Unservable(f"{SERVING_FILE} names {serving['file']!r}, which is not in the repository.")
        return str(serving["file"])
    return next((name for name in ONNX_FILES if name in present), None)


def _read_json(folder: Path, name: str, *, required: bool = False) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        if required:
            raise Unservable(f"The repository has no {name}.")
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise Unservable(f"{name} is not valid JSON: {error}.") from error
    if not isinstance(document, dict):
        raise Unservable(f"{name} must hold a JSON object.")
    return document


def _task_of(config: Mapping[str, Any]) -> str:
    architectures = config.get("architectures") or []
    if any(str(name).endswith("ForSequenceClassification") for name in architectures):
        return "text-classification"
    raise Unservable(
        f"config.json names the architecture {', '.join(map(str, architectures)) or '(none)'}, whose task is "
        "not served here. Served: text-classification (…ForSequenceClassification)."
    )


def _labels(config: Mapping[str, Any]) -> list[str]:
    """Names by output, as transformers fills them in: LABEL_0, LABEL_1, … where none are given."""
    names = config.get("id2label")
    if names:
        return [str(names[key]) for key in sorted(names, key=int)]
    number = config.get("num_labels") or 2
    if not isinstance(number, int) or number > MAX_LABELS:
        raise Unservable(f"config.json states num_labels {number!r}; up to {MAX_LABELS} are served.")
    return [f"LABEL_{index}" for index in range(number)]


def _max_length(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> int:
    """What `truncation=True` cuts at: the tokenizer's own limit, else as many positions as the model has."""
    stated = tokenizer.get("model_max_length")
    if stated and stated < UNLIMITED:
        return int(stated)
    return int(config.get("max_position_embeddings") or 512)


def _pad_id(folder: Path, config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> int:
    """The padding token's id. Padding is masked, but some encoders also derive positions from it."""
    token = tokenizer.get("pad_token")
    if isinstance(token, dict):
        token = token.get("content")
    added = _read_json(folder, "tokenizer.json").get("added_tokens") or []
    by_content = {entry["content"]: entry["id"] for entry in added}
    return int(by_content.get(token, config.get("pad_token_id") or 0))
