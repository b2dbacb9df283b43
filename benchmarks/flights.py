"""Fly every text set of the starter archives, each from its own file form; write the table of docs/flights.md.

    python benchmarks/flights.py                            # all seven
    python benchmarks/flights.py sms-spam tweets            # these; the other rows of the table stay
    python benchmarks/flights.py movie-sentences --seeds 3  # the same rows, three times, for the second table

Nothing is published. A set that was flown before with the same choices is taken from its run.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from wingman.cli.progress import format_seconds, make_progress
from wingman.lab.flight import fly
from wingman.lab.request import Request
from wingman.lab.run import Run
from wingman.lab.starter.publish import write_file
from wingman.lab.starter.sets import AMAZON, MOVIES, NEWSGROUPS, NYT, R52, SMS, TWEETS, StarterSet

PAGE = Path(__file__).parent.parent / "docs" / "flights.md"


@dataclass(frozen=True)
class Case:
    """A set and the file it is flown from; with_split: the file carries the fixed splits in a column."""

    starter_set: StarterSet
    file: str
    with_split: bool = True


CASES = [
    Case(MOVIES, "movie-sentences.csv"),
    Case(TWEETS, "tweets.tsv"),
    Case(AMAZON, "amazon-sentences.json", with_split=False),
    Case(NYT, "nyt-sentences.csv", with_split=False),
    Case(SMS, "sms-spam.jsonl", with_split=False),
    Case(R52, "reuters-52"),
    Case(NEWSGROUPS, "20-newsgroups.parquet"),
]


def fly_case(case: Case, home: Path, seed: int = 0) -> dict[str, Any]:
    """One line of the table. The seed shuffles, drops out and starts the head; the test rows stay the same."""
    data = home / "benchmark-data" / case.file
    if not data.exists():
        write_file(case.starter_set.build(home / "cache" / "archives"), data, with_split=case.with_split)
    run_name = f"benchmark-{case.starter_set.name}" + (f"-seed-{seed}" if seed else "")
    with make_progress() as progress:
        result = fly(
            Request(data=str(data), home=home, publish=False, seed=seed),
            listeners=[progress],
            run_name=run_name,
        )
    run = Run(home / "runs" / run_name)
    names = run.read_json("prepared", "labels.json")
    choice = run.read_json("choice.json")["seconds"]
    steps = [
        run.require(step)["seconds"]
        for step in ("prepare", "baseline", "train", "evaluate", "export", "card")
    ]
    trained = run.require("train")["summary"]["rows_per_second"]
    return {
        "set": case.starter_set.name,
        "form": Path(case.file).suffix or "folder of CSV",
        "classes": len(names),
        "rows": result["rows"],
        "accuracy": result["metrics"]["accuracy"],
        "f1_macro": result["metrics"]["f1_macro"],
        "baseline": result["baseline"]["accuracy"],
        "baseline_f1": result["baseline"]["f1_macro"],
        "mcnemar_p": result["mcnemar_p"],
        "epochs": run.require("train")["summary"]["epochs"],
        "split_by": "document" if case.starter_set.split_by_document else "row",
        "rows_per_second": trained,
        "seconds": choice + sum(steps),
    }


COLUMNS = (
    "set", "from", "classes", "split by", "train / test rows", "baseline", "fine-tuned",
    "macro F1: baseline, fine-tuned",
    "McNemar p", "epochs", "time",
)  # fmt: skip


def table(lines: list[dict[str, Any]]) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS), *[_cells(line) for line in lines]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(line: dict[str, Any]) -> tuple[str, ...]:
    return (
        line["set"],
        line["form"],
        str(line["classes"]),
        line["split_by"],
        f"{line['rows']['train']:,} / {line['rows']['test']:,}",
        _figure(line["baseline"]),
        _figure(line["accuracy"]),
        f"{line['baseline_f1']['value']:.3f}, {line['f1_macro']['value']:.3f}",
        f"{line['mcnemar_p']:.1g}",
        f"{line['epochs']:g}",
        format_seconds(line["seconds"]),
    )


def _figure(estimate: dict[str, float]) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f}–{estimate['high']:.3f})"


def seeds_table(set_name: str, lines: list[dict[str, Any]]) -> str:
    """Accuracy for each seed, and the mean with Student's interval: what another seed would give."""
    values = np.array([line["accuracy"]["value"] for line in lines])
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    rows = [("set", "seed", "fine-tuned", "McNemar p"), ("---",) * 4]
    for seed, line in enumerate(lines):
        rows.append((set_name, str(seed), _figure(line["accuracy"]), f"{line['mcnemar_p']:.1g}"))
    mean = {"value": values.mean(), "low": values.mean() - half, "high": values.mean() + half}
    rows.append((set_name, "mean, and its interval over seeds", _figure(mean), ""))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write_page(part: str, text: str) -> None:
    """Put a table between the page's marks `<!-- part -->` and `<!-- /part -->`."""
    begin, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    before, _, rest = PAGE.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")


def fly_sets(cases: list[Case], home: Path) -> None:
    results = home / "benchmark-data" / "flights.json"
    known = {line["set"]: line for line in json.loads(results.read_text())} if results.is_file() else {}
    for case in cases:
        print(f"== {case.starter_set.name} from {case.file}", flush=True)
        known[case.starter_set.name] = fly_case(case, home)
        lines = [known[entry.starter_set.name] for entry in CASES if entry.starter_set.name in known]
        results.write_text(json.dumps(lines, indent=1))
        write_page("flights", table(lines))
    print(table(lines))


def fly_seeds(case: Case, home: Path, number: int) -> None:
    lines = []
    for seed in range(number):
        print(f"== {case.starter_set.name}, seed {seed}", flush=True)
        lines.append(fly_case(case, home, seed))
    text = seeds_table(case.starter_set.name, lines)
    write_page("seeds", text)
    print(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [case.starter_set.name for case in CASES]
    parser.add_argument("sets", nargs="*", choices=[*names, []], help="which sets; all of them without")
    parser.add_argument("--seeds", type=int, default=0, help="fly one set with this many seeds (2 or more)")
    parser.add_argument("--home", type=Path, default=Path("~/.wingman").expanduser())
    arguments = parser.parse_args()
    cases = [case for case in CASES if not arguments.sets or case.starter_set.name in arguments.sets]
    if arguments.seeds:
        if len(cases) != 1 or arguments.seeds < 2:
            parser.error("--seeds takes one set and at least 2 seeds")
        fly_seeds(cases[0], arguments.home, arguments.seeds)
    else:
        fly_sets(cases, arguments.home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
