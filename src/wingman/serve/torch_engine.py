"""transformers behind the engine contract, for repositories without an ONNX file. Slower, and needs torch.

torch and transformers take seconds to import and are not part of the `serve` extra, hence the late imports.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wingman.serve.engine import Logits, TextInput, TokenRow, pad
from wingman.serve.errors import EngineFailed, Unservable
from wingman.serve.snapshot import ServedModel


class TorchEngine:
    """The weights as `AutoModelForSequenceClassification` loads them, in float32 on the processor.

    Code that comes with a repository is never run. Raises `Unservable` when torch or transformers is missing
    or the files cannot be loaded.
    """

    def __init__(self, folder: Path, model: ServedModel, *, threads: int) -> None:
        try:
            import torch
            from transformers import AutoModelForSequenceClassification, AutoTokenizer
        except ImportError as error:
            raise Unservable(
                "The repository has no ONNX file, and running its weights needs torch and transformers: "
                "pip install 'wingman-hub[lab]', or publish an ONNX export (wingman fly does)."
            ) from error
        torch.set_num_threads(threads)
        self._torch: Any = torch
        try:
            safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, **safely)
            self._model: Any = AutoModelForSequenceClassification.from_pretrained(
                folder, dtype=torch.float32, **safely
            ).eval()
        except (OSError, ValueError, RuntimeError) as error:
            raise Unservable(f"transformers cannot load the model: {error}") from error
        self._max_length = model.max_length
        self._pad_id = model.pad_id
        self._takes_type_ids = "token_type_ids" in self._tokenizer.model_input_names

    def encode(self, inputs: Sequence[TextInput]) -> list[TokenRow]:
        return [self._encode_one(text) for text in inputs]

    def run(self, rows: Sequence[TokenRow]) -> Logits:
        padded = pad(rows, pad_id=self._pad_id)
        tensors = {"input_ids": padded.ids, "attention_mask": padded.mask}
        if self._takes_type_ids:
            tensors["token_type_ids"] = padded.type_ids
        torch = self._torch
        try:
            with torch.inference_mode():
                output = self._model(**{name: torch.from_numpy(array) for name, array in tensors.items()})
        except (RuntimeError, ValueError, IndexError) as error:
            raise EngineFailed(f"torch could not run the model: {error}") from error
        logits = output.logits.numpy()
        if not np.isfinite(logits).all():
            raise EngineFailed("The model answered with numbers that are not finite.")
        return np.asarray(logits, dtype=np.float32)

    def _encode_one(self, text: TextInput) -> TokenRow:
        first, second = text if isinstance(text, tuple) else (text, None)
        encoded = self._tokenizer(first, second, truncation=True, max_length=self._max_length)
        ids = tuple(encoded["input_ids"])
        return TokenRow(ids, tuple(encoded.get("token_type_ids") or (0,) * len(ids)))
