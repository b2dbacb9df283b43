"""Large files in and out, beside what the machine can do at best, in one run.

Downloads: a file uploaded over LFS and one uploaded over Xet, fetched with plain GET, beside nginx serving the
same file from disk; then the public client's own download. Uploads: the public client over Xet and over LFS,
beside `sha256 + copy` of the file. Medians over rounds taken in turns; ratios against the named baseline.

    python benchmarks/transfers.py --size-mb 1000
"""

import argparse
import hashlib
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PIECE = 1 << 20
NGINX = """daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{ access_log off; sendfile on; client_body_temp_path {folder}; proxy_temp_path {folder};
fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
server {{ listen 127.0.0.1:{port}; root {root}; }} }}
"""
UPLOAD = """
import sys
from huggingface_hub import HfApi
path, repo, name, as_object = sys.argv[1:]
content = open(path, "rb") if as_object == "object" else path
HfApi().upload_file(path_or_fileobj=content, path_in_repo=name, repo_id=repo)
"""
DOWNLOAD = """
import sys
from huggingface_hub import hf_hub_download
hf_hub_download(sys.argv[1], sys.argv[2], local_dir=sys.argv[3])
"""


def make_file(path: Path, size: int) -> None:
    """Half random (as weights are), half text-like, so that compression has something to do and not too much."""
    chance = random.Random(1)
    words = [chance.randbytes(6).hex() for _ in range(2000)]
    with path.open("wb") as file:
        for number in range(size // PIECE):
            if number % 2:
                file.write(chance.randbytes(PIECE))
            else:
                text = " ".join(chance.choices(words, k=PIECE // 12)).encode()
                file.write(text[:PIECE].ljust(PIECE, b"."))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command: list[str], port: int, **options: object) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def first_token(home: Path) -> str:
    """The administrator's token, which the Hub writes a moment after it listens."""
    for _ in range(300):
        if (home / "admin-token").exists() and (token := (home / "admin-token").read_text().strip()):
            return token
        time.sleep(0.1)
    sys.exit("The Hub did not start.")


def fetch(url: str, token: str) -> None:
    """Plain GET by curl, bytes thrown away: the client must not be what is measured."""
    command = ["curl", "-sSf", "-o", os.devnull, "-H", f"Authorization: Bearer {token}", url]
    subprocess.run(command, check=True)


def sha256_and_copy(source: Path, target: Path) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as incoming, target.open("wb") as outgoing:
        while piece := incoming.read(PIECE):
            digest.update(piece)
            outgoing.write(piece)
        os.fsync(outgoing.fileno())


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turns(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each action; one warm-up round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for round_number in range(rounds + 1):
        for name, action in actions.items():
            seconds = timed(action)
            if round_number:
                times[name].append(seconds)
    return {name: statistics.median(taken) for name, taken in times.items()}


def show(title: str, results: dict[str, float], size: int) -> None:
    baseline_name, baseline = next(iter(results.items()))
    print(f"\n{title} ({size / 1e6:.0f} MB; baseline: {baseline_name})")
    for name, seconds in results.items():
        print(
            f"  {name:<42}{size / seconds / 1e6:>8.0f} MB/s  {seconds / baseline:>6.2f} x the baseline's time"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size-mb", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("nginx") is None:
        sys.exit(
            "This benchmark compares with nginx, which is not installed (Debian: apt-get install nginx-light)."
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        source = folder / "large.bin"
        make_file(source, options.size_mb << 20)
        size = source.stat().st_size
        port, nginx_port = free_port(), free_port()
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, root=folder, port=nginx_port))
        home = folder / "home"
        hub = [sys.executable, "-m", "wingman.cli", "up", "--home", str(home), "--port", str(port)]
        with running(hub, port), running(["nginx", "-c", str(folder / "nginx.conf")], nginx_port):
            url = f"http://127.0.0.1:{port}"
            token = first_token(home)
            measure(folder, source, size, url, token, nginx_port, options.rounds)


def measure(
    folder: Path, source: Path, size: int, url: str, token: str, nginx_port: int, rounds: int
) -> None:
    numbers = iter(range(1000))
    environ = {**os.environ, "HF_ENDPOINT": url, "HF_TOKEN": token, "HF_HUB_DISABLE_TELEMETRY": "1"}

    def client(script: str, *arguments: str, **variables: str) -> None:
        cache = folder / f"cache-{next(numbers)}"
        subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env={**environ, "HF_HOME": str(cache), **variables},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        shutil.rmtree(cache, ignore_errors=True)

    def upload(name: str, how: str, **variables: str) -> None:
        # A fresh first byte each time: what the Hub has already is not uploaded again.
        with source.open("r+b") as file:
            for offset in range(0, size, 32 << 10):
                file.seek(offset)
                file.write(random.randbytes(8))
        client(UPLOAD, str(source), "admin/bench", name, how, **variables)

    client("from huggingface_hub import HfApi; HfApi().create_repo('admin/bench')")
    uploads = {
        "sha256 + copy to disk": lambda: sha256_and_copy(source, folder / "copy"),
        "public client over Xet": lambda: upload("xet.bin", "path"),
        "public client over LFS": lambda: upload("lfs.bin", "path", HF_HUB_DISABLE_XET="1"),
    }
    show("Uploads", in_turns(uploads, rounds), size)
    path = f"{url}/admin/bench/resolve/main"

    def download(name: str, **variables: str) -> None:
        target = folder / f"download-{next(numbers)}"
        client(DOWNLOAD, "admin/bench", name, str(target), **variables)
        shutil.rmtree(target)

    downloads = {
        "nginx, GET from disk": lambda: fetch(f"http://127.0.0.1:{nginx_port}/large.bin", token),
        "Hub, GET of a file that came by LFS": lambda: fetch(f"{path}/lfs.bin", token),
        "Hub, GET of a file that came by Xet": lambda: fetch(f"{path}/xet.bin", token),
        "public client over Xet, to disk": lambda: download("xet.bin"),
        "public client over HTTP, to disk": lambda: download("lfs.bin", HF_HUB_DISABLE_XET="1"),
    }
    show("Downloads", in_turns(downloads, rounds), size)


if __name__ == "__main__":
    main()
