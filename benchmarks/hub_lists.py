"""How lists, searches and single repositories cost as a Hub grows.

Fills one database to several sizes, starts a real `wingman up` on it, and prints the median time of each
request with its ratio to `GET /healthz` in the same run (the cost of an empty request), and how the ratio
grows with the number of repositories. Then requests per second over 8 connections, where `wrk` is installed.

    python benchmarks/hub_lists.py --sizes 1000,10000,100000
"""

import argparse
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from wingman.hub.accounts.service import AccountService
from wingman.hub.app import open_store
from wingman.hub.database import now, open_engine
from wingman.hub.repos.model import RepoFacts
from wingman.hub.repos.tables import repo_tags, repos
from wingman.settings import Settings, load_settings

TASKS = "text-classification token-classification text-generation summarization translation fill-mask".split()
LANGUAGES = "en de fr es it pt nl pl ru zh ja ko ar hi tr sv".split()
WORDS = (
    "tiny base large bert gpt llama movie news legal medical tweets code vision speech chat instruct".split()
)
REQUESTS = {
    "an empty request": "/healthz",
    "first page, trending, 30": "/api/models?limit=30",
    "first page, 1,000": "/api/models?limit=1000",
    "by downloads, one task": "/api/models?sort=downloads&pipeline_tag=text-classification&limit=30",
    "two tags": "/api/models?filter=summarization&filter=de&limit=30",
    "a rare tag": "/api/models?filter=license:rare&limit=30",
    "search, frequent word": "/api/models?search=bert&limit=30",
    "search, rare word": "/api/models?search=model-77&limit=30",
    "one owner": "/api/models?author=owner7&limit=30",
    "one repository": "/api/models/owner7/{name}?expand=likes&expand=tags",
}


UNDER_LOAD = ("an empty request", "first page, trending, 30", "search, frequent word", "one repository")


def rows(first: int, last: int, owners: list[int], moment) -> Iterator[tuple[dict, list[dict]]]:
    """Repositories `first`..`last` with their tags, the same at every run."""
    for number in range(first, last):
        chance = random.Random(number)
        owner = number % len(owners)
        name = f"{chance.choice(WORDS)}-{chance.choice(WORDS)}-model-{number}"
        task, language = chance.choice(TASKS), chance.choice(LANGUAGES)
        tags = [task, language, "transformers", "pytorch", "license:mit" if number % 5000 else "license:rare"]
        used_bytes = 10 ** (4 + number % 7)
        size = f"bytes:{RepoFacts(used_bytes=used_bytes).size_class}"
        yield (
            {
                "id": number + 1,
                "kind": "model",
                "namespace_id": owners[owner],
                "name": name,
                "key": f"owner{owner}/{name}",
                "pool_id": number + 1,
                "private": number % 10 == 0,
                "created_at": moment,
                "updated_at": moment,
                "downloads": chance.randrange(1_000_000),
                "likes": chance.randrange(1000),
                "trending": chance.random(),
                "card": {"license": "mit"},
                "tags": tags,
                "pipeline_tag": task,
                "library_name": "transformers",
                "used_bytes": used_bytes,
                "about": f"A {task} model for {language}",
            },
            [{"kind": "model", "tag": tag, "repo_id": number + 1} for tag in (*tags, size)],
        )


def fill(settings: Settings, first: int, last: int) -> None:
    store = open_store(settings)
    accounts = AccountService(store)
    if first == 0:
        for number in range(100):
            accounts.create_user(f"owner{number}")
    owners = [accounts.find(f"owner{number}").id for number in range(100)]
    store.close()
    engine = open_engine(settings.resolved_database_url)
    batch: list[tuple[dict, list[dict]]] = list(rows(first, last, owners, now()))
    with engine.begin() as connection:
        for start in range(0, len(batch), 5000):
            part = batch[start : start + 5000]
            connection.execute(sa.insert(repos), [repo for repo, _ in part])
            connection.execute(sa.insert(repo_tags), [tag for _, tags in part for tag in tags])
    engine.dispose()


def measure(home: Path, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each request, taken in turns so that noise falls on all alike; and requests per second."""
    command = [sys.executable, "-m", "wingman.cli", "up", "--home", str(home), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    name = next(rows(7, 8, [0] * 100, None))[0]["name"]
    times: dict[str, list[float]] = {title: [] for title in REQUESTS}
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(url + "/healthz").read()
                break
            except OSError:
                time.sleep(0.1)
        for _ in range(rounds):
            for title, path in REQUESTS.items():
                started = time.perf_counter()
                with urllib.request.urlopen(url + path.format(name=name)) as response:
                    response.read()
                times[title].append(time.perf_counter() - started)
        rates = {title: requests_per_second(url + REQUESTS[title].format(name=name)) for title in UNDER_LOAD}
    finally:
        process.terminate()
        process.wait()
    return {title: statistics.median(taken[1:]) for title, taken in times.items()}, rates


def requests_per_second(url: str) -> float:
    """What `wrk` gets through in three seconds over 8 connections; nothing where it is not installed."""
    if shutil.which("wrk") is None:
        return 0.0
    done = subprocess.run(["wrk", "-t1", "-c8", "-d3s", url], capture_output=True, text=True, check=True)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    results: list[dict[str, float]] = []
    rates: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = load_settings({"home": home}, environ={})
        for before, size in zip([0, *sizes], sizes, strict=False):
            fill(settings, before, size)
            medians, throughput = measure(home, options.rounds)
            results.append(medians)
            rates.append(throughput)
    header = "".join(f"{f'{size:,} repos':>26}" for size in sizes)
    print(f"{'request':<28}{header}{'growth':>10}")
    for title in REQUESTS:
        cells, ratios = [], []
        for result in results:
            ratio = result[title] / result["an empty request"]
            ratios.append(ratio)
            cells.append(f"{result[title] * 1000:>12.2f} ms  {ratio:>7.1f} x")
        print(f"{title:<28}{''.join(f'{cell:>26}' for cell in cells)}{ratios[-1] / ratios[0]:>9.1f}x")
    print(
        f"\n{'requests per second, 8 connections':<40}"
        + "".join(f"{f'{size:,} repos':>24}" for size in sizes)
    )
    for title in UNDER_LOAD:
        cells = [
            f"{rate[title]:>8.0f}  {rate[title] / (rate['an empty request'] or 1):>6.2f} x" for rate in rates
        ]
        print(f"{title:<40}{''.join(f'{cell:>24}' for cell in cells)}")


if __name__ == "__main__":
    main()
