"""A recipe: every choice of a flight, pinned, so that another person can fly it again and get the same numbers."""

import hashlib
import importlib.metadata
import json
import os
import platform
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from wingman.lab.errors import RecipeError
from wingman.lab.licences import Licences

FORMAT = 1
METHODS = ("full", "lora", "features")
HEADS = ("random", "probe")
_PACKAGES = (
    "wingman-hub",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "scikit-learn",
    "numpy",
    "onnxruntime",
    "peft",
)


@dataclass(frozen=True)
class DataChoice:
    """The data: a file's name or a dataset id, and the sha256 or commit that pins its content.

    columns: role -> column. splits: "given" by the source, or "by content" with the two shares.
    repair:  whether rows with errors were left out (`--repair`).
    """

    source: str
    digest: str
    columns: dict[str, str]
    revision: str | None = None
    encoding: str | None = None
    splits: str = "by content"
    validation: float = 0.1
    test: float = 0.2
    repair: bool = False


@dataclass(frozen=True)
class BaseChoice:
    """The base model: its id (or folder name), the commit, and the sha256 of its weights and tokenizer."""

    id: str
    digest: str
    revision: str | None = None


@dataclass(frozen=True)
class Training:
    """How the model is trained. Rows per step are `batch_rows`, fewer where their tokens would pass `batch_tokens`.

    precision: "bf16" computes in bfloat16 where the chip does so natively; "fp32" does not.
    patience:  epochs without a better validation score before stopping.
    threads:   number of CPU threads; sums in another order give slightly other numbers.
    head:      how the last layer begins: "random", or "probe", from a linear probe (see `training/probe.py`).
    custom:    names of what a caller passed in through Python; a recipe alone cannot repeat those.
    """

    method: str = "full"
    epochs: float = 3
    learning_rate: float = 1e-4
    batch_rows: int = 32
    batch_tokens: int = 4096
    max_length: int = 256
    warmup: float = 0.1
    weight_decay: float = 0.01
    patience: int = 2
    precision: str = "fp32"
    threads: int = 0
    seed: int = 0
    lora_rank: int = 16
    head: str = "random"
    custom: tuple[str, ...] = ()


@dataclass(frozen=True)
class Export:
    """Which engines are built. int8 is served if it costs at most `max_loss` of the headline metric on validation."""

    int8: bool = True
    max_loss: float = 0.01


@dataclass(frozen=True)
class Recipe:
    """All of it. `digest` covers what determines the numbers: neither the goal (`to`) nor licences and versions."""

    task: str
    data: DataChoice
    base: BaseChoice
    training: Training
    export: Export = field(default_factory=Export)
    to: str | None = None
    licences: Licences = field(default_factory=Licences)
    versions: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """sha256 over everything that determines the numbers."""
        chosen = asdict(self)
        del chosen["versions"], chosen["licences"], chosen["to"]
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()

    def to_yaml(self) -> str:
        """The recipe as it is published: a local path is reduced to its name."""
        chosen = asdict(self)
        if chosen["data"]["revision"] is None:
            chosen["data"]["source"] = Path(chosen["data"]["source"]).name
        chosen["training"]["custom"] = list(chosen["training"]["custom"])
        ordered = {"format": chosen.pop("format"), **chosen}
        return (
            "# How this model was made. Fly it again: wingman fly --recipe <this file, or namespace/name@v1>\n"
            + yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True)
        )


class _PlainLoader(yaml.SafeLoader):
    """Without aliases, which no recipe needs: with them a few lines of a stranger mean gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("a recipe has no aliases")
        return super().compose_node(parent, index)


def recipe_from_yaml(text: str, where: str = "the recipe") -> Recipe:
    """Read a recipe. Raises `RecipeError` naming what is wrong with it."""
    try:
        values = yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RecipeError(f"{where} is not valid YAML: {error}") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise RecipeError(f"{where} is not a recipe of format {FORMAT}.")
    try:
        training = dict(values["training"])
        training["custom"] = tuple(training.get("custom", ()))
        return Recipe(
            task=values["task"],
            data=_build(DataChoice, values["data"]),
            base=_build(BaseChoice, values["base"]),
            training=_known_choices(_build(Training, training), where),
            export=_build(Export, values.get("export", {})),
            to=values.get("to"),
            licences=_build(Licences, values.get("licences", {})),
            versions=values.get("versions", {}),
        )
    except (KeyError, TypeError) as error:
        raise RecipeError(f"{where} lacks or does not know the field {error}.") from error


def _known_choices(training: Training, where: str) -> Training:
    for name, value, known in (("method", training.method, METHODS), ("head", training.head, HEADS)):
        if value not in known:
            raise RecipeError(f"{where} names the {name} {value!r}; known are {', '.join(known)}.")
    return training


def _build(kind: type, values: dict[str, Any]) -> Any:
    unknown = set(values) - {known.name for known in fields(kind)}
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))} of {kind.__name__}")
    return kind(**values)


def installed_versions() -> dict[str, str]:
    """Versions of the libraries that determine numbers, and of Python and the machine."""
    versions = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def usable_threads() -> int:
    """CPU threads this process may use: its affinity, or `OMP_NUM_THREADS` if that is lower."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(usable, int(asked)) if asked.isdigit() and int(asked) > 0 else usable


def default_training(
    method: str, *, train_rows: int, num_labels: int, precision: str, seed: int, max_length: int
) -> Training:
    """The choices for a text encoder of tens of millions of parameters; a variant changes the fields that differ.

    Few rows get more epochs, so that there are about 200 steps to learn in. More than two classes begin from a probe;
    two find their direction in the first steps without one, and stay less sure of themselves
    (`docs/decisions/heads-from-a-probe.md`).
    """
    if method not in METHODS:
        raise RecipeError(f"There is no method {method!r}; choose one of {', '.join(METHODS)}.")
    epochs = float(min(20, max(3, round(200 * 32 / max(train_rows, 1)))))
    full = Training(
        epochs=epochs,
        precision=precision,
        seed=seed,
        max_length=max_length,
        threads=usable_threads(),
        head="probe" if num_labels > 2 else "random",
    )
    if method == "lora":
        return replace(full, method="lora", learning_rate=1e-3, epochs=max(epochs, 4.0))
    if method == "features":
        # Only a head is trained, on states encoded once: many cheap epochs in larger batches.
        return replace(
            full,
            method="features",
            learning_rate=1e-3,
            batch_rows=128,
            epochs=60.0,
            patience=8,
            head="random",
        )
    return full
