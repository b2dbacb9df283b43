"""How long the Hub works on its pages with 100,000 repositories: the 95th percentile over a session of requests.

    python -m benchmarks pages

The first request of each list counts its facets and is told apart; later ones show counts that may be half a
minute old (`hub/web/counted.py`). Repositories are those of `benchmarks.hub_lists`, and one real one with files.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from hub_lists import fill
from starlette.testclient import TestClient

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub, create_app, open_hub
from wingman.hub.commits.model import AddFile, CommitRequest
from wingman.hub.repos.model import RepoKind
from wingman.settings import load_settings

LIMIT_MS = 30.0
CARD = "---\nlicense: mit\n---\n# A card\n\n" + "\n\n".join(
    f"## Part {number}\n\nSome *words*, `code`." for number in range(30)
)
PAGES = {
    "home": "/",
    "models": "/models",
    "models by likes": "/models?sort=likes",
    "models of a task": "/models?task=text-classification",
    "models of a rare licence": "/models?license=rare",
    "models of a size": "/models?size=under+10+MB",
    "models with a word": "/models?q=text",
    "jump": "/search/jump.json?q=owner4",
    "an owner": "/owner7",
    "a model": "/visitor/real",
    "its files": "/visitor/real/tree/main",
    "a file": "/visitor/real/blob/main/code-7.py",
    "its history": "/visitor/real/commits/main",
}


def make_real_repo(hub: Hub) -> None:
    caller = Caller(user=hub.accounts.create_user("visitor"))
    repo = hub.repos.create(caller, kind=RepoKind.MODEL, name="real")
    files = [
        AddFile("README.md", CARD.encode()),
        *(AddFile(f"code-{n}.py", b"def f():\n    pass\n" * 50) for n in range(100)),
    ]
    hub.commits.commit(caller, repo, "main", CommitRequest(summary="Add files", operations=tuple(files)))


def measure(home: Path, num_repos: int, rounds: int) -> dict[str, dict[str, float]]:
    settings = load_settings({"home": home}, environ={})
    fill(settings, 0, num_repos)
    hub = open_hub(settings)
    make_real_repo(hub)
    client = TestClient(create_app(hub), base_url="http://hub.test")
    first: dict[str, float] = {}
    times: dict[str, list[float]] = {title: [] for title in PAGES}
    for number in range(rounds + 1):
        for title, path in PAGES.items():
            started = time.perf_counter()
            answer = client.get(path, headers={"accept": "text/html"})
            taken = (time.perf_counter() - started) * 1000
            assert answer.status_code == 200, (path, answer.status_code)
            if number == 0:
                first[title] = taken
            else:
                times[title].append(taken)
    hub.close()
    return {
        title: {
            "first_ms": round(first[title], 1),
            "median_ms": round(statistics.median(taken), 1),
            "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 1),
        }
        for title, taken in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repos", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.repos, given.rounds)
    print(json.dumps({"repos": given.repos, "limit_ms": LIMIT_MS, "pages": found}, indent=1))


if __name__ == "__main__":
    main()
