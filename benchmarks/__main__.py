"""Run the benchmarks one after another, each in a process of its own: `make bench`.

    python -m benchmarks              # all of them
    python -m benchmarks hub_lists    # those that are named

Each is a script that prints what it measured, beside what it is compared with, in one run.
"""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> int:
    available = sorted(path.stem for path in FOLDER.glob("*.py") if not path.name.startswith("_"))
    chosen = sys.argv[1:] or available
    if unknown := sorted(set(chosen) - set(available)):
        print(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(available)}", file=sys.stderr)
        return 2
    failed = []
    for name in chosen:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, FOLDER / f"{name}.py"], cwd=FOLDER.parent).returncode:
            failed.append(name)
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
