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
_READY_SECONDS = 120


def serve(run: Run, recipe: Recipe, hub: Hub, events: Events) -> dict[str, Any]:
    """Write `served.json`: agreement of the served answers with the evaluated ones on the whole test split.

    A Hub without an inference endpoint is noted, not an error. Raises `HubError` when answers differ beyond the bounds.
    """
    endpoint = run.read_json("published.json")["endpoint"]
    task = find_task(recipe.task)
    labels = run.read_json("prepared", "labels.json")
    precision = run.read_json("serving.json")["precision"]
    test = read_split(run, "test")
    scores = np.empty((len(test), len(labels)))
    with _client(hub) as client:
        if not _wait_until_ready(client, endpoint, dict(task.request)["inputs"], len(labels)):
            events.warning(f"{endpoint} does not answer; the model is published but was not asked.")
            return _write(run, {"served": False})

        def ask(row: int) -> None:
            answer = _ask(client, endpoint, test["text"].iloc[row], len(labels))
            scores[row] = task.read_answer(answer, labels)

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
    return httpx.Client(headers=headers, timeout=60)


def _ask(client: "httpx.Client", endpoint: str, text: str, num_labels: int) -> Any:
    response = client.post(endpoint, json={"inputs": text, "parameters": {"top_k": num_labels}})
    response.raise_for_status()
    return response.json()


def _wait_until_ready(client: "httpx.Client", endpoint: str, text: str, num_labels: int) -> bool:
    """Ask until there is an answer: 503 means the model is being loaded; 404 and 501 that there is no such endpoint."""
    import httpx2 as httpx

    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            _ask(client, endpoint, text, num_labels)
            return True
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in (429, 502, 503):
                return False
        except httpx.TransportError:
            return False
        time.sleep(0.5)
    return False
