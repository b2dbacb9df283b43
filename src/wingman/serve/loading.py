"""From a repository's name to a loaded model: pin the revision, download what is needed, open an engine."""

import glob
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from wingman.serve.engine import Engine
from wingman.serve.errors import EngineFailed, Unservable
from wingman.serve.onnx_engine import OnnxEngine
from wingman.serve.snapshot import SERVING_FILE, ServedModel, files_needed, read_model, read_serving
from wingman.serve.tasks import TASKS, Task
from wingman.serve.torch_engine import TorchEngine

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to answer. `revision` is the commit it was read from, None for a local folder."""

    name: str
    revision: str | None
    facts: ServedModel
    task: Task
    engine: Engine


def load_repo(
    repo: str,
    revision: str | None,
    *,
    threads: int,
    progress: Progress,
    endpoint: str | None = None,
    token: str | None = None,
) -> LoadedModel:
    """Download the files of `repo` that serving needs and load them.

    endpoint, token: the Hub's; both default to the public client's (`HF_ENDPOINT`, `HF_TOKEN`).
    Raises `Unservable`; errors of the network are left to the caller.
    """
    progress(f"looking at {repo}")
    api = HfApi(endpoint=endpoint, token=token)
    try:
        info = api.model_info(repo, revision=revision)
        commit = info.sha
        names = [sibling.rfilename for sibling in info.siblings or ()]
        serving = None
        if SERVING_FILE in names:
            serving = read_serving(Path(api.hf_hub_download(repo, SERVING_FILE, revision=commit)))
        needed = files_needed(names, serving)
        progress(f"downloading {len(needed)} files of {repo} at {commit}")
        # The public client takes patterns, not names.
        patterns = [glob.escape(name) for name in needed]
        folder = api.snapshot_download(repo, revision=commit, allow_patterns=patterns)
    except RevisionNotFoundError as error:
        raise Unservable(f"{repo} has no revision {revision!r}.") from error
    except RepositoryNotFoundError as error:
        raise Unservable(f"There is no model {repo} here, or this token may not read it.") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise Unservable(f"{repo} could not be downloaded: {error}") from error
    return _open(Path(folder), name=repo, revision=commit, threads=threads, progress=progress)


def load_folder(folder: Path, *, threads: int, progress: Progress) -> LoadedModel:
    """Load a model from a folder laid out as a repository. Raises `Unservable`."""
    return _open(folder, name=str(folder), revision=None, threads=threads, progress=progress)


def _open(folder: Path, *, name: str, revision: str | None, threads: int, progress: Progress) -> LoadedModel:
    facts = read_model(folder)
    task = TASKS.get(facts.task)
    if task is None:
        raise Unservable(
            f"{name} is a model for {facts.task}, which is not served here. Served: {', '.join(TASKS)}."
        )
    progress(f"loading {facts.onnx_file or 'the transformers weights'}")
    engine: Engine
    if facts.onnx_file is None:
        engine = TorchEngine(folder, facts, threads=threads)
    else:
        engine = OnnxEngine(folder, facts, threads=threads)
    _check_outputs(engine, facts)
    return LoadedModel(name, revision, facts, task, engine)


def _check_outputs(engine: Engine, facts: ServedModel) -> None:
    """Run once: a model that cannot answer is found now, and the first caller finds it warm."""
    try:
        logits = engine.run(engine.encode(["warm up"]))
    except EngineFailed as error:
        raise Unservable(f"The model cannot be run: {error}") from error
    if logits.shape != (1, len(facts.labels)):
        raise Unservable(
            f"For one text the model gives outputs of shape {np.shape(logits)}; "
            f"its {len(facts.labels)} labels need (1, {len(facts.labels)})."
        )
