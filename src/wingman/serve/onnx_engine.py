"""ONNX Runtime behind the engine contract, with the `tokenizers` library: no torch, no transformers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from wingman.serve.engine import Logits, PaddedRows, TextInput, TokenRow, pad
from wingman.serve.errors import EngineFailed, Unservable
from wingman.serve.snapshot import ServedModel

_SLOWING_FUSIONS = ["SkipLayerNormFusion"]
"""The fused kernel (of 1.32) is not vectorised: an addition and a `LayerNormalization` take a third of its time."""

_INPUTS = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "type_ids"}


class OnnxEngine:
    """A text model exported with `input_ids`, `attention_mask` and perhaps `token_type_ids` as inputs.

    threads: processor threads inside one run. Several runs may go on at once, each on its own thread;
    one thread per run and as many runs as cores answered most per second (`benchmarks/serve_http.py`).
    Raises `Unservable` when the files cannot be used.
    """

    def __init__(self, folder: Path, model: ServedModel, *, threads: int = 1) -> None:
        if model.onnx_file is None:
            raise ValueError("the model has no ONNX file")
        self._tokenizer = _tokenizer(folder, model)
        self._pad_id = model.pad_id
        self._runs_rows_alone = model.runs_rows_alone
        self._session = open_session(folder / model.onnx_file, threads=threads)
        self._inputs = [node.name for node in self._session.get_inputs()]
        unknown = sorted(set(self._inputs) - set(_INPUTS))
        if unknown:
            raise Unservable(
                f"{model.onnx_file} wants the inputs {', '.join(unknown)}; given can be {', '.join(_INPUTS)}."
            )
        outputs = [node.name for node in self._session.get_outputs()]
        self._output = "logits" if "logits" in outputs else outputs[0]

    def encode(self, inputs: Sequence[TextInput]) -> list[TokenRow]:
        encodings = self._tokenizer.encode_batch_fast(list(inputs))
        return [TokenRow(tuple(encoding.ids), tuple(encoding.type_ids)) for encoding in encodings]

    def run(self, rows: Sequence[TokenRow]) -> Logits:
        if self._runs_rows_alone:
            return np.concatenate([self._run_together([row]) for row in rows])
        return self._run_together(rows)

    def _run_together(self, rows: Sequence[TokenRow]) -> Logits:
        padded: PaddedRows = pad(rows, pad_id=self._pad_id)
        feed = {name: getattr(padded, _INPUTS[name]) for name in self._inputs}
        try:
            (logits,) = self._session.run([self._output], feed)
        # onnxruntime's own errors share no other base class.
        except Exception as error:
            raise EngineFailed(f"ONNX Runtime could not run the model: {error}") from error
        if not np.isfinite(logits).all():
            raise EngineFailed("The model answered with numbers that are not finite.")
        return np.asarray(logits, dtype=np.float32)


def _tokenizer(folder: Path, model: ServedModel) -> Tokenizer:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise Unservable(
            "The repository has no tokenizer.json. Save the tokenizer with `AutoTokenizer.save_pretrained`."
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    # The binding raises plain `Exception` for a file it cannot read.
    except Exception as error:
        raise Unservable(f"tokenizer.json cannot be read: {error}") from error
    # The file may carry truncation and padding from whoever saved it; transformers overrides both, so do we.
    tokenizer.enable_truncation(model.max_length, strategy="longest_first", direction=model.truncation_side)
    tokenizer.no_padding()
    return tokenizer


def open_session(path: Path, *, threads: int) -> onnxruntime.InferenceSession:
    """A graph ready to run on the processor. Raises `Unservable` when it cannot be loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin take the core from the event loop and from the other runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Memory plans are kept per input shape, and every batch has another one.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWING_FUSIONS
        )
    except Exception as error:  # likewise
        raise Unservable(f"{path.name} cannot be loaded: {error}") from error
