"""A dataset of a Hub as a `Table`: its files are downloaded at one commit, then read by `datasets`."""

from pathlib import Path

import numpy as np
import pandas as pd

from wingman.lab.data.model import SPLITS, Table
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
    try:
        splits = datasets.load_dataset(str(folder))
    except (DatasetsError, ValueError, FileNotFoundError) as error:
        raise DataError(f"The dataset {source} cannot be loaded: {error}") from error
    frames: list[pd.DataFrame] = []
    places: list[str] = []
    names: list[str] = []
    label_names: dict[str, list[str]] = {}
    for name, part in splits.items():
        split = {"validation": "validation", "valid": "validation", "dev": "validation"}.get(name, name)
        if split not in SPLITS:
            continue
        frame = part.to_pandas()
        for column, feature in part.features.items():
            if isinstance(feature, datasets.ClassLabel):
                label_names[column] = list(feature.names)
                frame[column] = [
                    feature.names[value] if 0 <= value < len(feature.names) else None
                    for value in frame[column]
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
    )
