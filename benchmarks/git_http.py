"""git over HTTP: the Hub beside `git http-backend` on a bare repository, in one run.

For a repository of many files and for one of many commits: a push, the first clone after the Hub lost its copy on
disk, a clone, and a look for news. Both servers get the same push from the same client; medians over rounds
taken in turns; ratios against `git http-backend`.

    python benchmarks/git_http.py --files 1000 10000 --commits 1000 5000
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "init.defaultBranch=main"]
# Bodies of known length: the small CGI server below does not read chunked ones.
PUSH = ["-c", "http.postBuffer=1000000000"]


def git(*arguments: object, cwd: Path | None = None) -> None:
    command = [*GIT, *map(str, arguments)]
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Backend(BaseHTTPRequestHandler):
    """`git http-backend` as CGI, and nothing else."""

    root: Path
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "bench",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
        }
        with subprocess.Popen(
            ["git", "http-backend"], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            process.stdin.write(body)
            process.stdin.close()
            self.send_response(200)
            while header := process.stdout.readline().strip():
                name, _, value = header.decode().partition(": ")
                self.send_header(name, value)
            self.end_headers()
            shutil.copyfileobj(process.stdout, self.wfile)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def backend(root: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("RootedBackend", (Backend,), {"root": root}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@contextmanager
def hub(home: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "wingman.cli", "up", "--home", str(home), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def create_repo(url: str, token: str, name: str) -> None:
    request = urllib.request.Request(
        f"{url}/api/repos/create",
        data=f'{{"name": "{name}", "type": "model"}}'.encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()


def many_files(folder: Path, number: int) -> None:
    git("init", "-q", folder)
    for index in range(number):
        path = folder / f"part-{index // 500:03}" / f"{index}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"row {index} {line}\n" for line in range(100)))
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "all", cwd=folder)


def many_commits(folder: Path, number: int) -> None:
    """One file of 50 changes with every commit; written as a stream for `git fast-import`."""
    git("init", "-q", folder)
    lines = []
    for index in range(number):
        text = "".join(f"row {index} {line}\n" for line in range(100))
        message = f"commit {index}"
        lines.append(
            f"commit refs/heads/main\ncommitter bench <bench@example.org> {1_700_000_000 + index} +0000\n"
            f"data {len(message)}\n{message}\nM 100644 inline file-{index % 50}.txt\ndata {len(text)}\n{text}\n"
        )
    subprocess.run([*GIT, "fast-import", "--quiet"], cwd=folder, input="".join(lines).encode(), check=True)


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cloned(remote: str, folder: Path) -> float:
    taken = seconds(lambda: git("clone", "-q", "--bare", remote, folder))
    shutil.rmtree(folder)
    return taken


def show(what: str, ours: list[float], theirs: list[float]) -> None:
    mine, base = statistics.median(ours), statistics.median(theirs)
    figures = f"{mine * 1000:8.0f} ms   http-backend {base * 1000:8.0f} ms   ratio {mine / base:5.2f}"
    print(f"  {what:34}{figures}", flush=True)


def measure(name: str, source: Path, *, urls: tuple[str, str], home: Path, bare: Path, rounds: int) -> None:
    token = (home / "admin-token").read_text().strip()
    create_repo(urls[0], token, name)
    git("init", "-q", "--bare", bare / f"{name}.git")
    for setting in ("http.receivepack", "uploadpack.allowFilter"):
        git("config", setting, "true", cwd=bare / f"{name}.git")
    ours = f"{urls[0].replace('://', f'://admin:{token}@')}/admin/{name}"
    theirs = f"{urls[1]}/{name}.git"
    scratch = source.with_name(f"{source.name}-copy")
    git("repack", "-a", "-d", "-q", cwd=source)  # so that no push pays for the first look at the objects
    listed = subprocess.run(
        ["git", "rev-list", "--objects", "main"], cwd=source, capture_output=True, check=True
    )
    print(f"{name}: {len(listed.stdout.splitlines())} objects")
    pushes = [
        [seconds(lambda remote=remote: git(*PUSH, "push", "-q", "--force", remote, "main", cwd=source))]
        for remote in (ours, theirs)
    ]
    show("push", *pushes)
    results: dict[str, tuple[list[float], list[float]]] = {
        what: ([], []) for what in ("clone, copy on disk lost before", "clone", "look for news")
    }
    for _ in range(rounds):
        baseline = cloned(theirs, scratch)
        shutil.rmtree(home / "hub" / "cache" / "git")
        results["clone, copy on disk lost before"][0].append(cloned(ours, scratch))
        results["clone"][0].append(cloned(ours, scratch))
        for what in ("clone, copy on disk lost before", "clone"):
            results[what][1].append(baseline)
        for side, remote in enumerate((ours, theirs)):
            results["look for news"][side].append(seconds(lambda remote=remote: git("ls-remote", remote)))
    for what, sides in results.items():
        show(what, *sides)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--commits", type=int, nargs="*", default=[1000, 5000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        home, bare = folder / "home", folder / "bare"
        bare.mkdir()
        with hub(home) as ours, backend(bare) as theirs:
            for make, numbers in ((many_files, arguments.files), (many_commits, arguments.commits)):
                for number in numbers:
                    name = f"{make.__name__.replace('_', '-')}-{number}"
                    make(folder / name, number)
                    measure(
                        name,
                        folder / name,
                        urls=(ours, theirs),
                        home=home,
                        bare=bare,
                        rounds=arguments.rounds,
                    )


if __name__ == "__main__":
    main()
