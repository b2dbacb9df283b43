"""A dataset of a Hub as a `Table`: its files are downloaded at one commit, then read by `datasets`.

Its card may come from a stranger, and `datasets` reads whatever files a card's `configs` name: any of this machine,
or of a network that this machine reaches. Here only files of the dataset itself are read.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import yaml

from wingman.lab.data.model import SPLIT_WORDS, Finding, Table, counted
from wingman.lab.errors import DataError, HubError
from wingman.lab.hub import make_api
from wingman.lab.licences import read_licence


def read_hub_dataset(source: str, *, revision: str | None, endpoint: str | None, token: str | None) -> Table:
    """The default configuration of dataset `source` with its splits; `revision` of the result is the commit read.

    Raises `DataError` when there is no such dataset (or it is not visible), `HubError` when the Hub is out of reach.
    """
    import httpx2 as httpx
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    api = make_api(endpoint, token)
    try:
        commit = api.dataset_info(source, revision=revision).sha
        folder = api.snapshot_download(source, repo_type="dataset", revision=commit)
    except RevisionNotFoundError as error:
        raise DataError(f"The dataset {source} has no revision {revision}.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise DataError(
            f"There is neither a file {source} here nor a dataset {source} that you may read on "
            f"{api.endpoint}. Check the name, or log in."
        ) from error
    except (HfHubHTTPError, httpx.TransportError, OSError) as error:
        raise HubError(
            f"The Hub at {api.endpoint} cannot be reached ({error}); is it up? Try: wingman up",
            endpoint=api.endpoint,
        ) from error
    return _read_snapshot(Path(folder), source, str(commit))


def _read_snapshot(folder: Path, source: str, commit: str) -> Table:
    import datasets
    from datasets.exceptions import DatasetsError

    datasets.disable_progress_bars()
    _check_configs(folder, source)
    try:
        builder = datasets.load_dataset_builder(str(folder))
        _check_files(builder.config.data_files or {}, folder, source)
        splits = datasets.load_dataset(str(folder))
    except (DatasetsError, ValueError, FileNotFoundError) as error:
        raise DataError(f"The dataset {source} cannot be loaded: {error}") from error
    frames: list[pd.DataFrame] = []
    places: list[str] = []
    names: list[str] = []
    label_names: dict[str, list[str]] = {}
    skipped: dict[str, int] = {}
    for name, part in splits.items():
        split = SPLIT_WORDS.get(str(name).lower())
        if split is None:
            skipped[str(name)] = len(part)
            continue
        frame = part.to_pandas()
        for column, feature in part.features.items():
            if isinstance(feature, datasets.ClassLabel):
                label_names[column] = list(feature.names)
                frame[column] = [
                    feature.names[int(value)] if 0 <= value < len(feature.names) else None
                    for value in frame[column]  # floats where some are missing: NaN is not in the range
                ]
        frames.append(frame)
        places.extend(f"{name} row {number}" for number in range(1, len(frame) + 1))
        names.extend([split] * len(frame))
    if not frames:
        raise DataError(
            f"The dataset {source} has the splits {list(splits)}, none of which is train, validation or test."
        )
    return Table(
        frame=pd.concat(frames, ignore_index=True),
        places=np.array(places, dtype=object),
        split=np.array(names, dtype=object) if len(set(names)) > 1 else None,
        source=source,
        digest=commit,
        revision=commit,
        label_names=label_names,
        licence=read_licence(folder),
        notes=tuple(_skipped_split(name, count) for name, count in skipped.items()),
    )


def _skipped_split(name: str, count: int) -> Finding:
    return Finding(
        "skipped_split",
        "warning",
        f"The split {name!r} ({counted(count, 'row', 'rows')}) is not read: it is called neither train, validation "
        "nor test.",
    )


def _check_configs(folder: Path, source: str) -> None:
    """No place that the card names lies outside of the dataset; asked before anything is looked for there."""
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    texts = []
    if (folder / "README.md").is_file():
        block = REGEX_YAML_BLOCK.search((folder / "README.md").read_text("utf-8", "replace"))
        texts += [block[2]] if block else []
    if (folder / ".huggingface.yaml").is_file():
        texts.append((folder / ".huggingface.yaml").read_text("utf-8", "replace"))
    for text in texts:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            raise DataError(f"The metadata of the dataset {source} cannot be read: {error}") from error
        if any(node.tag == "tag:yaml.org,2002:merge" for node in _scalars([root])):
            raise DataError(f"The metadata of the dataset {source} merges mappings (<<), which is not read here.")
        configs = [item for value in _values_of(root, "configs") for item in value.value]
        for node in _scalars(value for item in configs for value in _values_of(item, "data_files", "data_dir")):
            if _is_elsewhere(node.value):
                raise DataError(f"The dataset {source} names {node.value!r}, which is not a file of its own.")


def _values_of(node: object, *names: str) -> list[yaml.Node]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [value for key, value in pairs if key.value in names]


def _scalars(roots: Iterable[yaml.Node | None]) -> Iterator[yaml.ScalarNode]:
    """Every text below some nodes, each node once however many aliases lead to it."""
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield node
        elif isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
        else:
            waiting += node.value


def _is_elsewhere(pattern: str) -> bool:
    """
    >>> [_is_elsewhere(text) for text in ("data/*.csv", "/etc/passwd", "../x.csv", "~/x.csv", "https://a/x.csv")]
    [False, True, True, True, True]
    """
    is_address = "://" in pattern or "::" in pattern or "\\" in pattern
    return is_address or pattern.startswith(("/", "~")) or ".." in PurePosixPath(pattern).parts


def _check_files(data_files: dict[str, list[str]], folder: Path, source: str) -> None:
    """The same of what was found: this decides, whatever a card may say."""
    # Not by `resolve` alone: files of a snapshot are links to where the client keeps their bytes.
    roots = (folder.absolute(), folder.resolve())
    for paths in data_files.values():
        for path in paths:
            is_inside = ".." not in Path(path).parts and any(Path(path).is_relative_to(root) for root in roots)
            if not is_inside:
                raise DataError(f"The dataset {source} names {path!r}, which is not a file of its own.")
