"""Publishing the starter kit to one's own Hub, and writing its sets as files of any form."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from wingman.lab.data.model import SPLITS
from wingman.lab.errors import HubError, LabError
from wingman.lab.hub import Hub, explain_lost_hub
from wingman.lab.starter import encoder
from wingman.lab.starter.sets import PUBLISHED, BuiltSet, StarterSet

# Changed when the making of the kit changes; a repository that has this tag is complete.
TAG = "starter-2"
Say = Callable[[str], None]


def publish_starter(
    hub: Hub, home: Path, *, namespace: str | None = None, say: Say = lambda message: None
) -> list[str]:
    """Publish the encoder and the text sets below `namespace` (the logged-in user); what is there is left alone.

    Returns the ids, the model first. Raises `StarterError` or `HubError`.
    """
    if hub.user is None:
        raise HubError(
            f"To publish the starter kit on {hub.endpoint}, log in first: HF_ENDPOINT={hub.endpoint} hf auth login",
            endpoint=hub.endpoint,
        )
    namespace = namespace or hub.user
    try:
        published = [_publish_encoder(hub, home, f"{namespace}/{encoder.NAME}", say)]
        for starter_set in PUBLISHED:
            published.append(_publish_set(hub, home, starter_set, f"{namespace}/{starter_set.name}", say))
    except LabError:
        raise
    except Exception as error:
        explain_lost_hub(error, hub)
        raise
    return published


def _publish_encoder(hub: Hub, home: Path, repo: str, say: Say) -> str:
    if _is_complete(hub, repo, "model"):
        say(f"model {repo}: already there")
        return repo
    folder = encoder.make_encoder(home)
    files: dict[str, Any] = {
        path.relative_to(folder).as_posix(): str(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    _commit(hub, repo, "model", {**files, "README.md": encoder.card(repo).encode()})
    say(
        f"model {repo}: 22.7 million parameters, {sum(path.stat().st_size for path in folder.rglob('*')) / 1e6:.0f} MB"
    )
    return repo


def _publish_set(hub: Hub, home: Path, starter_set: StarterSet, repo: str, say: Say) -> str:
    if _is_complete(hub, repo, "dataset"):
        say(f"dataset {repo}: already there")
        return repo
    built = starter_set.build(home / "cache" / "archives")
    files: dict[str, Any] = {"README.md": dataset_card(starter_set, built, repo).encode()}
    for split in SPLITS:
        part = built.frame[built.frame["split"] == split].drop(columns=["split"])
        files[f"data/{split}-00000-of-00001.parquet"] = part.to_parquet(None, index=False)
    _commit(hub, repo, "dataset", files)
    say(f"dataset {repo}: {len(built.frame):,} rows")
    return repo


def _is_complete(hub: Hub, repo: str, kind: str) -> bool:
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        return any(tag.name == TAG for tag in hub.api().list_repo_refs(repo, repo_type=kind).tags)
    except RepositoryNotFoundError:
        return False
    except HfHubHTTPError as error:
        raise HubError(
            f"The Hub at {hub.endpoint} answers with an error ({error}).", endpoint=hub.endpoint
        ) from error


def _commit(hub: Hub, repo: str, kind: str, files: dict[str, Any]) -> None:
    from huggingface_hub import CommitOperationAdd
    from huggingface_hub.errors import HfHubHTTPError

    api = hub.api()
    try:
        api.create_repo(repo, repo_type=kind, exist_ok=True)
        operations = [CommitOperationAdd(name, content) for name, content in files.items()]
        commit = api.create_commit(
            repo, operations, repo_type=kind, commit_message="Add the starter kit's files"
        )
        api.create_tag(repo, tag=TAG, revision=commit.oid, repo_type=kind)
    except HfHubHTTPError as error:
        raise HubError(f"The Hub at {hub.endpoint} refused {repo}: {error}", endpoint=hub.endpoint) from error


def dataset_card(starter_set: StarterSet, built: BuiltSet, repo: str) -> str:
    """What the set is, where it comes from, how it was made, and how to load it."""
    rows = built.frame["split"].value_counts()
    labels = sorted(built.frame["label"].unique())
    counts = pd.crosstab(built.frame["label"], built.frame["split"])
    table = "\n".join(
        f"| {label} | {' | '.join(f'{counts.loc[label, split]:,}' for split in SPLITS)} |" for label in labels
    )
    left_out = "; ".join(f"{count:,} rows ({why})" for why, count in built.left_out.items() if count)
    archive = starter_set.archive
    by_document = " All sentences of one document are in one split." if starter_set.split_by_document else ""
    return f"""\
---
pretty_name: {starter_set.title}
license: {starter_set.licence}
language:
- en
task_categories:
- text-classification
size_categories:
- {"1K<n<10K" if len(built.frame) < 10_000 else "10K<n<100K"}
tags:
- starter-kit
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*
  - split: validation
    path: data/validation-*
  - split: test
    path: data/test-*
---

# {starter_set.title}

{starter_set.summary}

```python
from datasets import load_dataset

load_dataset("{repo}")["train"][0]
```

| label | train | validation | test |
|---|---|---|---|
{table}

Columns: {", ".join(f"`{name}`" for name in built.frame.columns if name != "split")}.

## Source and licence

{starter_set.source} (package index archive `{archive.filename}`,
sha256 `{archive.sha256}`). Licence of the carrier: {archive.licence}.
{starter_set.citation}

## How it was made

Read out of the archive as it is; nothing in it was run. Left out: {left_out or "nothing"}. The splits
({rows["train"]:,} / {rows["validation"]:,} / {rows["test"]:,}) follow from a hash of each text, stratified by
label, so they never change, and no text is in two of them.{by_document}
"""


def write_file(built: BuiltSet, path: Path, *, with_split: bool) -> Path:
    """Write a set in the form of `path`'s ending (.csv, .tsv, .jsonl, .json, .parquet); a folder: one CSV a split."""
    frame = built.frame.drop(
        columns=[name for name in ("score", *(() if with_split else ("split",))) if name in built.frame]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    elif path.suffix == ".json":
        frame.to_json(path, orient="records", force_ascii=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        path.mkdir(exist_ok=True)
        for split in SPLITS:
            frame[frame["split"] == split].drop(columns=["split"]).to_csv(path / f"{split}.csv", index=False)
    return path
