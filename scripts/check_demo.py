"""The promises of `make demo`, tried for real: from an empty clone, killed half-way, and a second time.

    python scripts/check_demo.py [--keep FOLDER]

Clones this checkout's HEAD into a new folder, runs `make demo` there with standard input closed and output in a
file, kills it (`kill -9`, the whole process group but the Hub) while it trains, runs it again to the end, asks the
model with curl and with Python as the summary says, and runs it a third time, which must take seconds.
Prints what each part took; exits with 1 at the first broken promise.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 3600.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, help="Clone here and leave everything behind.")
    parser.add_argument("--port", default="8097")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="wingman-demo-"))
    clone = folder / "wingman"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    make = ["make", "demo", f"PORT={options.port}"]
    timed("set-up", lambda: run(["make", ".venv/.installed-lab"], clone, folder / "setup.log"))
    timed("killed while training", lambda: kill_while_training(make, clone, folder / "killed.log"))
    timed("from there to the end", lambda: run(make, clone, folder / "demo.log"))
    summary = (folder / "demo.log").read_text()
    check_summary(summary)
    seconds = timed("a second time", lambda: run(make, clone, folder / "again.log"))
    if seconds > 60:
        fail(f"A second `make demo` took {seconds:.0f} s; it must reuse what is there.")
    run([str(clone / ".venv/bin/wingman"), "down", "--home", ".wingman"], clone, folder / "down.log")
    print(summary[summary.rindex("Done") :])


def timed(title: str, action) -> float:
    started = time.perf_counter()
    action()
    seconds = time.perf_counter() - started
    print(f"{title:<24} {seconds:>6.0f} s", flush=True)
    return seconds


def run(command: list[str], folder: Path, log: Path) -> None:
    with log.open("wb") as out:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
        )
    if done.returncode:
        fail(f"{' '.join(command)} ended with {done.returncode}:\n{log.read_text()[-3000:]}")


def kill_while_training(command: list[str], folder: Path, log: Path) -> None:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        deadline = time.monotonic() + LIMIT_S
        while not re.search(r"train: \d\d+ of", log.read_text("utf-8", "replace")):
            if process.poll() is not None or time.monotonic() > deadline:
                fail(f"The demo never began to train:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def check_summary(text: str) -> None:
    """The curl line and the Python lines of the summary give an answer when they are pasted."""
    curl = re.search(r"^curl .*", text, re.MULTILINE)
    program = re.search(r"^from huggingface_hub import .*\n.*\nprint\(.*", text, re.MULTILINE)
    if curl is None or program is None:
        fail(f"The summary has no curl line or no Python lines:\n{text[-2000:]}")
        return
    answer = subprocess.run(curl[0], shell=True, capture_output=True, text=True, check=True).stdout
    python = subprocess.run(
        [sys.executable, "-c", program[0]], capture_output=True, text=True, check=True
    ).stdout
    if "positive" not in answer or "positive" not in python:
        fail(f"No sensible answer: curl said {answer!r}, Python said {python!r}")


def fail(message: str) -> None:
    print(message, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
