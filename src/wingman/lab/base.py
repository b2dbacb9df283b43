"""The base model: found on the Hub or in a folder, pinned, and judged fit before anything heavy is loaded."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wingman.lab.errors import BaseModelError, HubError
from wingman.lab.hub import make_api
from wingman.lab.licences import read_licence
from wingman.lab.room import check_download
from wingman.lab.run import digest_of, hash_of

STARTER_BASE = "all-MiniLM-L6-v2"
_SPLITS = "evaluation/splits.parquet"  # what a flight publishes beside its model (see `steps.publish.write_splits`)
_PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model", "README.md", _SPLITS]


@dataclass(frozen=True)
class BaseModel:
    """A base model on this disk. `id` and `revision` are what a recipe pins; `folder` is where it is now.

    licence: what its card states, or None.
    """

    id: str
    revision: str | None
    folder: Path
    config: dict[str, Any]
    num_parameters: int
    digest: str
    licence: str | None = None

    @property
    def max_positions(self) -> int:
        return int(self.config.get("max_position_embeddings", 512))

    @property
    def model_type(self) -> str:
        return str(self.config.get("model_type", ""))

    @property
    def num_embedding_parameters(self) -> int:
        return int(self.config.get("vocab_size", 0)) * int(self.config.get("hidden_size", 0))


def find_base(
    name: str | None, *, home: Path, endpoint: str | None, token: str | None, revision: str | None = None
) -> BaseModel:
    """The base model `name`: a folder, or an id on the Hub; None is the encoder of the starter kit.

    Raises `BaseModelError` when there is none or it is not usable, `HubError` when the Hub is out of reach.
    """
    if name is None:
        return read_base(_starter_folder(home), id=STARTER_BASE, revision=None)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return read_base(folder, id=folder.name, revision=None)
    if name in (STARTER_BASE, f"sentence-transformers/{STARTER_BASE}"):
        return read_base(_starter_folder(home), id=STARTER_BASE, revision=None)
    return _download(name, revision=revision, endpoint=endpoint, token=token)


def _starter_folder(home: Path) -> Path:
    from wingman.lab.starter.encoder import make_encoder

    return make_encoder(home)


def _download(name: str, *, revision: str | None, endpoint: str | None, token: str | None) -> BaseModel:
    import httpx2 as httpx
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    api = make_api(endpoint, token)
    try:
        info = api.model_info(name, revision=revision, files_metadata=True)
        commit = info.sha
        _check_room(name, str(commit), info.siblings or [])
        folder = api.snapshot_download(name, revision=commit, allow_patterns=_PATTERNS)
    except RevisionNotFoundError as error:
        raise BaseModelError(f"The model {name} has no revision {revision}.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise BaseModelError(
            f"There is no folder {name} here, and no model {name} that you may read on {api.endpoint}."
        ) from error
    except (HfHubHTTPError, httpx.TransportError, OSError) as error:
        raise HubError(
            f"The Hub at {api.endpoint} cannot be reached for the base model {name} ({error}).",
            endpoint=api.endpoint,
        ) from error
    return read_base(Path(folder), id=name, revision=commit)


def _check_room(name: str, commit: str, files: Sequence[Any]) -> None:
    from fnmatch import fnmatch

    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.constants import HF_HUB_CACHE

    wanted = {
        file.rfilename: file.size or 0
        for file in files
        if any(fnmatch(file.rfilename, pattern) for pattern in _PATTERNS)
    }
    missing = [path for path in wanted if not isinstance(try_to_load_from_cache(name, path, revision=commit), str)]
    check_download(
        name,
        weights_bytes=sum(size for path, size in wanted.items() if path.endswith(".safetensors")),
        missing_bytes=sum(wanted[path] for path in missing),
        folder=Path(HF_HUB_CACHE),
    )


def read_base(folder: Path, *, id: str, revision: str | None) -> BaseModel:
    """Read what a folder says about itself. Raises `BaseModelError` when config, weights or tokenizer are missing."""
    config_path = folder / "config.json"
    if not config_path.is_file():
        raise BaseModelError(f"{id} has no config.json: it is not a transformers model.")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise BaseModelError(
            f"{id} has no .safetensors weights. Pickled weights are not loaded: they can run code."
        )
    if not (folder / "tokenizer.json").is_file():
        raise BaseModelError(f"{id} has no tokenizer.json; a base for text needs a fast tokenizer.")
    try:
        config = json.loads(config_path.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise BaseModelError(f"The config.json of {id} is not valid JSON: {error}.") from error
    parts = [config_path, folder / "tokenizer.json", *weights]
    return BaseModel(
        id=id,
        revision=revision,
        folder=folder,
        config=config,
        num_parameters=sum(count_parameters(path) for path in weights),
        digest=hash_of([digest_of(path) for path in parts]),
        licence=read_licence(folder),
    )


def keys_learned_from(base: BaseModel, keys: set[str]) -> set[str]:
    """Those of `keys` (of `data.text.split_key`) whose texts the flight that made the base trained or tuned on.

    Empty where no flight made it. A base may be a stranger's: its file is read piece by piece, and need not be one.
    """
    import pyarrow.compute
    import pyarrow.parquet

    path = base.folder / _SPLITS
    found: set[str] = set()
    if not path.is_file():
        return found
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for rows in file.iter_batches(columns=["key", "split"]):
                learned = rows.filter(pyarrow.compute.field("split") != "test")
                found |= keys.intersection(learned.column("key").to_pylist())
    except (pyarrow.ArrowException, OSError, KeyError, TypeError):
        return set()  # no splits that a flight wrote
    return found


def count_parameters(path: Path) -> int:
    """Number of values in a safetensors file, from its header alone.

    Raises `BaseModelError` when the file is not one, or was cut short.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= size - 8:
            raise BaseModelError(
                f"{path.name} is not a whole safetensors file ({size:,} bytes). Fetch it again."
            )
        header = json.loads(file.read(length))
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    if max((entry["data_offsets"][1] for entry in tensors), default=0) + 8 + length != size:
        raise BaseModelError(f"{path.name} is cut short ({size:,} bytes). Fetch it again.")
    total = 0
    for entry in tensors:
        count = 1
        for extent in entry["shape"]:
            count *= extent
        total += count
    return total
