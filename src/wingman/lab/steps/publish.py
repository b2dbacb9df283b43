"""publish: one commit with everything, then a tag v1, v2, …; safe to repeat after being killed anywhere.

The commit names the run, so a second attempt finds what the first one did and goes on from there.
"""

import json
import re
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wingman.lab.errors import HubError
from wingman.lab.events import Events
from wingman.lab.export import rows_a_run, run_in_order
from wingman.lab.hub import Hub, check_target, check_token
from wingman.lab.metrics.paired import mcnemar
from wingman.lab.recipe import Recipe
from wingman.lab.run import Run, hash_of
from wingman.lab.steps.prepare import read_split
from wingman.lab.tasks import find_task

OUTPUTS = ("published.json",)
COMPARE_OUTPUTS = ("comparison.json",)
_TO_COMPARE = [
    "serving.json",
    "config.json",
    "tokenizer*",
    "vocab*",
    "special*",
    "onnx/*",
    "evaluation/*.parquet",
]
_MIN_COMPARED = 20
_VERSION = re.compile(r"v(\d+)")


def compare_with_previous(
    run: Run, recipe: Recipe, hub: Hub | None, *, becomes: str | None = None
) -> dict[str, Any]:
    """Is this model better than the last version of `recipe.to`, on test rows that neither was trained on?

    Writes `comparison.json`: the number the next version will have, and the paired test with what it means in
    words. The previous version's own served graph answers; rows of its train and validation splits are left out.
    becomes: the number, if it is known; else the one after the previous version's, as this run may be it already.
    """
    previous = _last_version(hub, recipe.to, not_of=run.id) if hub and recipe.to else None
    following = f"v{int(previous[1:]) + 1 if previous else 1}"
    facts: dict[str, Any] = {"previous": previous, "next": becomes or following}
    if previous is not None and hub is not None and recipe.to is not None:
        facts |= _compare(run, recipe, hub, previous)
    run.write_json(facts, "comparison.json")
    return facts


def _compare(run: Run, recipe: Recipe, hub: Hub, previous: str) -> dict[str, Any]:
    folder = Path(hub.api().snapshot_download(recipe.to, revision=previous, allow_patterns=_TO_COMPARE))
    if not (folder / "serving.json").is_file() or not (folder / "evaluation" / "splits.parquet").is_file():
        return {"words": f"{previous} was not published by a flight, so it is not compared with."}
    test, rows = _comparable_rows(run, folder)
    if len(rows) < _MIN_COMPARED:
        return {
            "rows": len(rows),
            "words": f"{previous} cannot be compared with: only {len(rows)} of the test rows are new to it.",
        }
    labels = run.read_json("prepared", "labels.json")
    before = _answers_of(folder, recipe, list(test["text"].iloc[rows]))
    scores = np.load(run.path("scores", "served.npz"))["test"]
    truth = [labels[number] for number in test["label"].iloc[rows]]
    said = [labels[number] for number in scores[rows].argmax(axis=1)]
    now_right = np.array([answer == true for answer, true in zip(said, truth, strict=True)])
    before_right = np.array([answer == true for answer, true in zip(before, truth, strict=True)])
    paired = mcnemar(now_right, before_right)
    words = paired.in_words("the new version", previous, share_documents="group" in test)
    return {**paired.as_dict(), "words": words}


def _comparable_rows(run: Run, folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    splits = pd.read_parquet(folder / "evaluation" / "splits.parquet")
    used = set(splits.loc[splits["split"] != "test", "key"])
    test = read_split(run, "test")
    return test, np.flatnonzero(~test["key"].isin(used).to_numpy())


def _answers_of(folder: Path, recipe: Recipe, texts: list[str]) -> list[str]:
    """The labels another version's served graph gives."""
    from transformers import AutoTokenizer

    from wingman.serve.onnx_engine import open_session

    serving = json.loads((folder / "serving.json").read_text("utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    frame = pd.DataFrame({"text": texts, "label": 0})
    ids = find_task(recipe.task).encode(tokenizer, frame, serving["max_length"])["input_ids"]
    outputs = run_in_order(
        open_session(folder / serving["file"], threads=recipe.training.threads),
        ids,
        padding=int(tokenizer.pad_token_id or 0),
        batch_rows=rows_a_run(serving["precision"]),
    )
    return [serving["labels"][number] for number in outputs.argmax(axis=1)]


def publish(
    run: Run, recipe: Recipe, hub: Hub, events: Events, *, private: bool | None = None
) -> dict[str, Any]:
    """Commit the run to `recipe.to` and tag it. Writes `published.json`.

    Raises `HubError` when the Hub refuses; nothing is left half published, as it is one commit.
    """
    from huggingface_hub.errors import HfHubHTTPError

    assert recipe.to is not None
    check_target(hub, recipe.to)
    check_token(hub)
    comparison = run.read_json("comparison.json")
    api = hub.api()
    try:
        api.create_repo(recipe.to, private=private, exist_ok=True)
        commit = next(iter(_commits_of(api, recipe.to, _content_mark(run))), None)
        if commit is None:
            commit = _commit(api, run, recipe, events)
        tag = _tag_of(api, recipe.to, commit) or _add_tag(api, recipe.to, commit, comparison)
    except HfHubHTTPError as error:
        raise HubError(
            f"The Hub at {hub.endpoint} refused to publish {recipe.to}: {error}", endpoint=hub.endpoint
        ) from error
    published = {
        "repo": recipe.to,
        "revision": tag,
        "commit": commit,
        "url": f"{hub.endpoint}/{recipe.to}",
        "endpoint": f"{hub.endpoint}/models/{recipe.to}",
        "comparison": comparison.get("words"),
    }
    run.write_json(published, "published.json")
    return published


def next_version(run: Run, recipe: Recipe, hub: Hub) -> str | None:
    """The number that publishing the run would take now; None when just this was published already."""
    from huggingface_hub.errors import RepositoryNotFoundError

    api = hub.api()
    try:
        if _commits_of(api, str(recipe.to), _content_mark(run)):
            return None
        return _following(_versions(api, str(recipe.to)))
    except RepositoryNotFoundError:
        return _following({})


def _following(versions: dict[int, tuple[str, str]]) -> str:
    return f"v{max(versions, default=0) + 1}"


def forget_if_gone(run: Run, recipe: Recipe, hub: Hub) -> None:
    """Drop the record of publishing when the Hub has no such commit any more: it was deleted, or is another Hub."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        gone = run.record("publish") is not None and not _commits_of(
            hub.api(), str(recipe.to), _content_mark(run)
        )
    except RepositoryNotFoundError:
        gone = True
    if gone:
        run.forget("publish")


def _commit(api: Any, run: Run, recipe: Recipe, events: Events) -> str:
    from huggingface_hub import CommitOperationAdd

    write_splits(run)
    files: dict[str, Path] = {}
    for folder, prefix in (("model", ""), ("onnx", "onnx/"), ("evaluation", "evaluation/")):
        for path in sorted(run.path(folder).rglob("*")):
            if path.is_file():
                files[prefix + path.relative_to(run.path(folder)).as_posix()] = path
    files |= {
        "README.md": run.path("card", "README.md"),
        "serving.json": run.path("serving.json"),
        "recipe.yaml": run.path("recipe.yaml"),
    }
    events.log(
        f"Uploading {len(files)} files, {sum(path.stat().st_size for path in files.values()) / 1e6:.0f} MB."
    )
    with warnings.catch_warnings():
        # The client asks whether Parquet belongs into a model repository: yes, these are its predictions.
        warnings.filterwarnings("ignore", message=".*commit a data file.*")
        info = api.create_commit(
            recipe.to,
            [CommitOperationAdd(name, str(path)) for name, path in files.items()],
            commit_message=f"Fly {recipe.data.source}",
            commit_description=_content_mark(run),
        )
    return str(info.oid)


def write_splits(run: Run) -> None:
    """`evaluation/splits.parquet`: which text (by key) was in which split, for comparing later versions fairly."""
    parts = [read_split(run, name)[["key", "split"]] for name in ("train", "validation", "test")]
    pd.concat(parts, ignore_index=True).to_parquet(run.path("evaluation", "splits.parquet"), index=False)


def _mark(run_id: str) -> str:
    return f"Wingman-Run: {run_id}"


def _content_mark(run: Run) -> str:
    """The run and what it made: a run whose later steps were done anew is a commit, and a version, of its own."""
    made = hash_of([run.require("export")["made"], run.require("card")["made"]])
    return f"{_mark(run.id)}/{made[:12]}"


def _commits_of(api: Any, repo: str, mark: str) -> list[str]:
    """The commits whose message holds `mark`, newest first."""
    commits = api.list_repo_commits(repo)
    return [str(commit.commit_id) for commit in commits if mark in f"{commit.title}\n{commit.message}"]


def _versions(api: Any, repo: str) -> dict[int, tuple[str, str]]:
    """Version number -> (tag, commit)."""
    tags = api.list_repo_refs(repo).tags
    return {
        int(match[1]): (tag.name, tag.target_commit)
        for tag in tags
        if (match := _VERSION.fullmatch(tag.name))
    }


def _tag_of(api: Any, repo: str, commit: str) -> str | None:
    return next((tag for tag, target in _versions(api, repo).values() if target == commit), None)


def _add_tag(api: Any, repo: str, commit: str, comparison: dict[str, Any]) -> str:
    """The next free version. Two flights at once may want the same number; the slower one takes the next."""
    from huggingface_hub.errors import HfHubHTTPError

    message = comparison.get("words", "First version.")
    for _ in range(5):
        tag = _following(_versions(api, repo))
        try:
            api.create_tag(repo, tag=tag, revision=commit, tag_message=message)
            return tag
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code != 409:
                raise
            time.sleep(0.2)
    raise HubError(f"Could not find a free version tag for {repo}.", endpoint=api.endpoint)


def _last_version(hub: Hub, repo: str, *, not_of: str) -> str | None:
    from huggingface_hub.errors import RepositoryNotFoundError

    api = hub.api()
    try:
        versions = _versions(api, repo)
        own = _commits_of(api, repo, _mark(not_of)) if versions else []
    except RepositoryNotFoundError:
        return None
    others = {number: tag for number, (tag, commit) in versions.items() if commit not in own}
    return others[max(others)] if others else None
