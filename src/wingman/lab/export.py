"""Trained models as ONNX graphs, in 32-bit floats and in dynamic int8, and running them on encoded rows."""

import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

OPSET = 18


def export_onnx(model: Any, path: Path, input_names: Sequence[str]) -> None:
    """Write `model` (transformers, with `.logits`) as one ONNX file; batch and tokens are free dimensions.

    The tracing exporter is used although torch calls it old: for these encoders it takes 1 s where the newer one takes
    18 s, and its int8 graph is a tenth faster. torch is pinned; go over when the newer one has caught up.
    """
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            return self.model(**dict(zip(input_names, inputs, strict=True))).logits

    example = torch.ones((2, 8), dtype=torch.int64)
    free = {name: {0: "batch", 1: "tokens"} for name in input_names}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the exporter's advice on its successor, and on constants it folds
        torch.onnx.export(
            Logits().eval(),
            tuple(example for _ in input_names),
            str(path),
            input_names=list(input_names),
            output_names=["logits"],
            dynamic_axes={**free, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )


def quantize_int8(source: Path, target: Path) -> None:
    """Weights in int8, one scale for each output channel; activations are scaled as they come (dynamic).

    The scale of activations is one for a whole batch, so rows have to be run one at a time for a text's scores not
    to depend on its company: `rows_a_run` says so, and the server does so (docs/decisions/int8-rows-alone.md).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    root.addFilter(_is_not_quantization_advice)
    try:
        quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QInt8)
    finally:
        root.removeFilter(_is_not_quantization_advice)


def _is_not_quantization_advice(record: logging.LogRecord) -> bool:
    return "pre-processing before quantization" not in record.getMessage()


def rows_a_run(precision: str) -> int:
    """How many rows go through a graph together: int8 takes them alone."""
    return 1 if precision == "int8" else 32


def run_in_order(
    session: Any,
    token_ids: Sequence[Sequence[int]],
    *,
    padding: int,
    batch_rows: int = 32,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Raw outputs (n, k) in the order of the rows, computed in order of length.

    token_ids: one list of ids a row; padding: the id that fills shorter rows (and is masked).
    """
    order = sorted(range(len(token_ids)), key=lambda row: len(token_ids[row]))
    parts = []
    for start in range(0, len(order), batch_rows):
        batch = [token_ids[row] for row in order[start : start + batch_rows]]
        width = max(len(ids) for ids in batch)
        input_ids = np.full((len(batch), width), padding, dtype=np.int64)
        mask = np.zeros((len(batch), width), dtype=np.int64)
        for number, ids in enumerate(batch):
            input_ids[number, : len(ids)] = ids
            mask[number, : len(ids)] = 1
        feeds = {"input_ids": input_ids, "attention_mask": mask}
        names = {entry.name for entry in session.get_inputs()}
        parts.append(session.run(None, {name: value for name, value in feeds.items() if name in names})[0])
        progress(min(start + batch_rows, len(order)), len(order))
    outputs = np.concatenate(parts)
    in_order = np.empty_like(outputs)
    in_order[order] = outputs
    return in_order
