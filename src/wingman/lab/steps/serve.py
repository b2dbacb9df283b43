"""serve: ask the Hub's endpoint every test row, and hold its answers to those that were evaluated."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from wingman.lab.errors import HubError
from wingman.lab.events import Events
from wingman.lab.hub import Hub
from wingman.lab.recipe import Recipe
from wingman.lab.run import Run
from wingman.lab.steps.prepare import read_split
from wingman.lab.tasks import find_task

if TYPE_CHECKING:
    import httpx2 as httpx

OUTPUTS = ("served.json",)
# How far a served score may be from the evaluated one. Padding and the order of sums move fp32 in the last digits; int8
# rows are run alone on both sides, where a difference in the last digit before rounding moves a score by about 0.01.
BOUNDS = {"fp32": 0.001, "int8": 0.05}
MIN_AGREEMENT = {"fp32": 0.999, "int8": 0.995}
_READY_SECONDS = 300
_PATIENCE_SECONDS = 90
"""For one answer. Longer than a Hub holds a question while it loads the model, so that its 503 arrives."""


def serve(run: Run, recipe: Recipe, hub: Hub, events: Events) -> dict[str, Any]:
    """Write `served.json`: agreement of the served answers with the evaluated ones on the whole test split.

    A Hub without an inference endpoint is noted, not an error, and so is one that answers with another version by now.
    Raises `HubError` when it cannot be asked, and when answers differ beyond the bounds.
    """
    published = run.read_json("published.json")
    endpoint = published["endpoint"]
    task = find_task(recipe.task)
    labels = run.read_json("prepared", "labels.json")
    precision = run.read_json("serving.json")["precision"]
    test = read_split(run, "test")
    scores = np.empty((len(test), len(labels)))
    with _client(hub) as client:
        first = _wait_until_ready(client, endpoint, dict(task.request)["inputs"], len(labels), hub)
        if first is None:
            events.warning(f"This Hub does not serve models ({endpoint}): the model is published but was not asked.")
            return _write(run, {"served": False})
        if first.headers.get("x-repo-commit", published["commit"]) != published["commit"]:
            events.warning(f"{endpoint} answers with another version by now: this one was not asked.")
            return _write(run, {"served": False})

        def ask(row: int) -> None:
            answer = _ask(client, endpoint, test["text"].iloc[row], len(labels))
            scores[row] = task.read_answer(answer.json(), labels)

        _ask_all(ask, len(test), endpoint, hub, events)
    evaluated = np.load(run.path("scores", "served.npz"))["test"]
    truth = test["label"].to_numpy()
    facts = {
        "served": True,
        "rows": len(test),
        "precision": precision,
        "agreement": round(float((scores.argmax(axis=1) == evaluated.argmax(axis=1)).mean()), 6),
        "largest_difference": round(float(np.abs(scores - evaluated).max()), 6),
        "accuracy": round(float((scores.argmax(axis=1) == truth).mean()), 6),
        "evaluated_accuracy": round(float((evaluated.argmax(axis=1) == truth).mean()), 6),
    }
    if facts["largest_difference"] > BOUNDS[precision] or facts["agreement"] < MIN_AGREEMENT[precision]:
        raise HubError(
            (
                f"{endpoint} does not answer as the evaluated model does: it agrees on "
                f"{facts['agreement']:.1%} of the test rows, "
                f"scores differ by up to {facts['largest_difference']:.2g}. The version is published; do "
                "not rely on the endpoint."
            ),
            endpoint=hub.endpoint,
        )
    return _write(run, facts)


def _ask_all(ask: Callable[[int], None], rows: int, endpoint: str, hub: Hub, events: Events) -> None:
    import httpx2 as httpx

    done = 0
    try:
        with ThreadPoolExecutor(8) as pool:
            for done, _ in enumerate(pool.map(ask, range(rows)), start=1):
                if done % 50 == 0 or done == rows:
                    events.progress(done, rows, "rows")
    except httpx.HTTPError as error:
        raise HubError(
            f"{endpoint} stopped answering after {done:,} of {rows:,} test rows ({error}). The version is published; "
            "run the same command again to ask once more.",
            endpoint=hub.endpoint,
        ) from error


def _write(run: Run, facts: dict[str, Any]) -> dict[str, Any]:
    run.write_json(facts, "served.json")
    return facts


def _client(hub: Hub) -> "httpx.Client":
    """One client for every row: making one anew takes longer than an answer."""
    import httpx2 as httpx

    headers = {"Authorization": f"Bearer {hub.token}"} if hub.token else {}
    return httpx.Client(headers=headers, timeout=_PATIENCE_SECONDS)


def _ask(client: "httpx.Client", endpoint: str, text: str, num_labels: int) -> "httpx.Response":
    response = client.post(endpoint, json={"inputs": text, "parameters": {"top_k": num_labels}})
    response.raise_for_status()
    return response


def _wait_until_ready(
    client: "httpx.Client", endpoint: str, text: str, num_labels: int, hub: Hub
) -> "httpx.Response | None":
    """The first answer, or None where there is no such endpoint (404, 501).

    503 means that the model is being loaded. Raises `HubError` when there is no answer in the end.
    """
    import httpx2 as httpx

    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            return _ask(client, endpoint, text, num_labels)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status in (404, 501):
                return None
            if status not in (429, 502, 503) or time.monotonic() > deadline:
                raise _unanswered(endpoint, f"{status}: {error.response.text[:500]}", hub) from error
        except httpx.TransportError as error:
            raise _unanswered(endpoint, str(error) or type(error).__name__, hub) from error
        time.sleep(0.5)


def _unanswered(endpoint: str, reason: str, hub: Hub) -> HubError:
    return HubError(
        f"{endpoint} does not answer ({reason}). The version is published; run the same command again to ask it.",
        endpoint=hub.endpoint,
    )
