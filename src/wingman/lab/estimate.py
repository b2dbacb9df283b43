"""What a flight will cost, before it starts: time, memory, disk; and whether this machine has it.

Time comes from the arithmetic of a transformer and the speed of earlier flights on this machine (kept in
the home's cache), else from a cautious figure per core. It is right within a factor of two, and says so.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wingman.lab.base import BaseModel
from wingman.lab.errors import ResourceError
from wingman.lab.events import write_atomically
from wingman.lab.recipe import Training
from wingman.lab.room import LIBRARIES_BYTES, available_memory, free_disk, gigabytes

# Floating-point operations per second and core in training: 127e9 (bf16) and about 55e9 (fp32) were measured
# on a 2023 server core; these are a cautious share of that.
_FIRST_GUESS = {"bf16": 90e9, "fp32": 40e9}
_EVALUATION_SECONDS = 12.0
# Of memory, flights of MiniLM held 1.5 GB (features), 2.2 (sentences) and 4.7 (news) at their peak: what is freed
# between steps stays with the process for a while (see `training/precision.py`), and two more engines are loaded
# after training.
_EXPORT_BYTES = 300_000_000
_KEPT_SHARE = 2.4
_TELLING_SECONDS = 30.0


@dataclass(frozen=True)
class Estimate:
    """Seconds, bytes of memory at the peak, bytes of disk while it runs; `basis` says where the time comes from."""

    seconds: float
    memory_bytes: int
    disk_bytes: int
    train_tokens: int
    basis: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def training_flops(base: BaseModel, lengths: np.ndarray, epochs: float, method: str) -> float:
    """Forward and backward of all rows: 6 per weight and token, plus attention; a frozen encoder runs forward once."""
    weights = base.num_parameters - base.num_embedding_parameters
    layers, width = int(base.config.get("num_hidden_layers", 6)), int(base.config.get("hidden_size", 384))
    forward = float((2 * weights * lengths + 4 * layers * width * lengths.astype(float) ** 2).sum())
    passes = {"full": 3 * epochs, "lora": 2.2 * epochs, "features": 1.0}[method]
    return forward * passes


def estimate_flight(
    base: BaseModel, lengths: np.ndarray, other_rows: int, training: Training, home: Path
) -> Estimate:
    """lengths: (n,) tokens of each training row after truncation; other_rows: validation and test rows."""
    speed, basis = _training_speed(home, training)
    flops = training_flops(base, lengths, training.epochs, training.method)
    judging = (
        training_flops(
            base,
            np.full(other_rows, int(lengths.mean()) if len(lengths) else 1),
            training.epochs + 4,
            "features",
        )
        * 2
    )
    layers, width = int(base.config.get("num_hidden_layers", 6)), int(base.config.get("hidden_size", 384))
    heads = int(base.config.get("num_attention_heads", 12))
    longest = int(lengths.max()) if len(lengths) else 1
    tokens = min(training.batch_tokens, training.batch_rows * longest)
    # Korthikanti et al. 2022, eq. 2: 34 bytes x width and 5 x heads x length a token and layer in 16-bit;
    # twice that in 32-bit.
    activations = tokens * layers * (34 * width + 5 * heads * longest) * 2
    trained = base.num_parameters if training.method == "full" else base.num_parameters // 20
    model = 4 * base.num_parameters + 12 * trained
    return Estimate(
        seconds=round((flops + judging) / speed + _EVALUATION_SECONDS, 1),
        memory_bytes=int(LIBRARIES_BYTES + _EXPORT_BYTES + model + _KEPT_SHARE * activations),
        disk_bytes=int(3 * (4 * base.num_parameters + 8 * trained) + 3 * 4 * base.num_parameters),
        train_tokens=int(lengths.sum()),
        basis=basis,
    )


def _speed_file(home: Path) -> Path:
    return home / "cache" / "training-speed.json"


def _training_speed(home: Path, training: Training) -> tuple[float, str]:
    path = _speed_file(home)
    key = f"{training.method} {training.precision} {training.threads}"
    known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if key in known:
        return float(known[key]), "an earlier flight on this machine"
    return _FIRST_GUESS[training.precision] * max(1, training.threads), "the arithmetic and a usual processor"


def remember_speed(home: Path, training: Training, flops: float, seconds: float) -> None:
    """Keep how fast this machine really was, for the next estimate.

    A short flight tells of starting and saving, and "features" of the epochs of its head, not of arithmetic.
    """
    if seconds < _TELLING_SECONDS or training.method == "features":
        return
    path = _speed_file(home)
    known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    key, speed = f"{training.method} {training.precision} {training.threads}", flops / seconds
    # A machine that did other work was slow for a while, not slow: less speed counts by half, more at once.
    known[key] = max(speed, (speed + known.get(key, speed)) / 2)
    write_atomically(path, json.dumps(known))


def check_resources(estimate: Estimate, home: Path) -> None:
    """Raise `ResourceError` when memory or disk will not do; says how much is missing and what to try."""
    memory = available_memory()
    if memory < estimate.memory_bytes:
        raise ResourceError(
            f"The flight needs about {gigabytes(estimate.memory_bytes)} of memory; {gigabytes(memory)} are free. "
            "Close other programs, take a smaller base model (--base), or train less of it (--method "
            "lora or features).",
            needed_bytes=estimate.memory_bytes,
            available_bytes=memory,
        )
    disk = free_disk(home)
    if disk < estimate.disk_bytes:
        raise ResourceError(
            f"The flight needs about {gigabytes(estimate.disk_bytes)} of disk below {home}; "
            f"{gigabytes(disk)} are free. "
            "Make room, or put the home elsewhere (--home).",
            needed_bytes=estimate.disk_bytes,
            available_bytes=disk,
        )
