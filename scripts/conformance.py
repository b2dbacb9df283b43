"""Run the public client's own tests against a Hub of ours, and print how many pass, file by file.

The client's release 2.4.0 ships its tests in its source archive, but not the fixtures they share; those come
from a git copy of its repository. A kit (a folder beside the checkout) holds what is neither theirs nor ours:
the list of tests that talk to the server under test and to no other host, and the pytest plugin that points
them at it. Nothing of theirs enters this repository: archive, fixtures and environment lie in a cache.

    python scripts/conformance.py --snapshot ../huggingface_hub.git     # prepares once, then runs
    python scripts/conformance.py --select tests/test_commit_api.py     # one file, or one test
    python scripts/conformance.py --endpoint http://127.0.0.1:8080   # a Hub that runs, seeded
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = "2.4.0"
UPSTREAM = "https://github.com/huggingface/huggingface_hub"
# The tests' own package lacks these; the repository at 1.29 has them.
FROM_REPOSITORY = ("tests/__init__.py", "tests/conftest.py", "tests/fixtures", "tests/cassettes")
# Selections that the kit's list knows by their tags: what they leave out.
WITHOUT = {"core": {"xet", "bucket"}, "staging": set()}
# Of the listed tests, these pass against a server that fails every request: they say nothing of ours.
SAYS_NOTHING = "trivial"
TOKENS = {
    "HFH_TOKEN": "hf_conformance_dummy",
    "HFH_OTHER_TOKEN": "hf_conformance_other",
    "HFH_ENTERPRISE_TOKEN": "hf_conformance_enterprise",
}


class NotPrepared(RuntimeError):
    """Something the run needs is not there; the text says what, and how to name it."""


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        kit = existing(options.kit, "conformance kit", "--kit or WINGMAN_CONFORMANCE_KIT")
        suite = Suite(options.cache, kit)
        suite.prepare(options.snapshot)
        if options.prepare_only:
            return 0
        tests = suite.selected(options.select)
        log = (options.log or options.cache / "conformance.log").absolute()
        if options.endpoint:
            return suite.run(options.endpoint, tests, use_xet=options.xet, log=log)
        with seeded_hub(log.with_name(f"{log.stem}-hub.log")) as endpoint:
            return suite.run(endpoint, tests, use_xet=options.xet, log=log)
    except NotPrepared as missing:
        print(missing, file=sys.stderr)
        return 2


def parse(arguments: list[str]) -> argparse.Namespace:
    environ = os.environ
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--kit",
        type=Path,
        default=Path(environ.get("WINGMAN_CONFORMANCE_KIT", ROOT.parent / "shared" / "conformance")),
        help="folder with hfh_staging_v2.txt, hfh_local_endpoint.py and hfh_v2_conftest.py",
    )
    parser.add_argument(
        "--snapshot",
        default=environ.get("WINGMAN_CONFORMANCE_SNAPSHOT", UPSTREAM),
        help="git repository or address of huggingface_hub at 1.29; only read when preparing",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(
            environ.get("WINGMAN_CONFORMANCE_CACHE", Path.home() / ".cache" / "wingman-conformance")
        ),
        help="where the tests and their environment are kept",
    )
    parser.add_argument("--select", nargs="+", default=["core"], help="core, staging, or test ids and files")
    parser.add_argument("--endpoint", help="a running, seeded Hub; without it, one is started for the run")
    parser.add_argument("--xet", action="store_true", help="let the client upload through Xet")
    parser.add_argument("--log", type=Path, help="where the output goes (default: in the cache)")
    parser.add_argument("--prepare-only", action="store_true", help="fetch and install, run nothing")
    return parser.parse_args(arguments)


def existing(path: Path, what: str, how: str) -> Path:
    if not path.exists():
        raise NotPrepared(f"There is no {what} at {path}; name it with {how}.")
    return path.resolve()


class Suite:
    """The client's tests in the cache, and an environment with that client."""

    def __init__(self, cache: Path, kit: Path) -> None:
        self._kit = kit
        self._source = cache / f"huggingface_hub-{VERSION}"
        self._environment = cache / f"venv-{VERSION}"

    @property
    def _python(self) -> Path:
        return self._environment / "bin" / "python"

    def prepare(self, snapshot: str) -> None:
        """Fetch the tests and install their client, once."""
        self._source.parent.mkdir(parents=True, exist_ok=True)
        if not self._source.exists():
            with tempfile.TemporaryDirectory(dir=self._source.parent) as work:
                self._fetch(Path(work), snapshot)
        if not (self._environment / "ready").exists():
            shutil.rmtree(self._environment, ignore_errors=True)
            checked([sys.executable, "-m", "venv", self._environment])
            packages = [f"huggingface_hub[testing]=={VERSION}", "pytest-timeout", "httpx"]
            checked([self._python, "-m", "pip", "install", "-q", *packages])
            (self._environment / "ready").touch()

    def _fetch(self, work: Path, snapshot: str) -> None:
        download = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            "huggingface-hub",
        ]
        checked([*download, "-d", work, f"huggingface_hub=={VERSION}"])
        with tarfile.open(next(work.glob("huggingface_hub-*.tar.gz"))) as archive:
            archive.extractall(work, filter="data")
        source = next(work.glob("huggingface_hub-*/"))
        shared = work / "repository"
        checked(["git", "clone", "-q", "--depth=1", snapshot, shared])
        for name in FROM_REPOSITORY:
            copy = shutil.copytree if (shared / name).is_dir() else shutil.copy
            copy(existing(shared / name, "shared test file", "--snapshot"), source / name)
        (source / "tests" / "conftest.py").rename(source / "tests" / "conftest_v1.py")
        shutil.copy(self._kit / "hfh_v2_conftest.py", source / "tests" / "conftest.py")
        shutil.rmtree(source / "src")  # the installed package is the one under test
        source.rename(self._source)

    def selected(self, selection: list[str]) -> list[str]:
        """Test ids: one of the kit's lists by name, or what was given."""
        if len(selection) > 1 or selection[0] not in WITHOUT:
            return selection
        without = WITHOUT[selection[0]]
        return [test for test, tags in self._listed() if not tags & without]

    def _listed(self) -> Iterator[tuple[str, set[str]]]:
        for line in (self._kit / "hfh_staging_v2.txt").read_text("utf-8").splitlines():
            if not line.startswith("#"):
                test, _, tags = line.partition("\t")
                yield test, set(tags.split(",")) - {""}

    def run(self, endpoint: str, tests: list[str], *, use_xet: bool, log: Path) -> int:
        """Run `tests` against `endpoint`, print the table, and return pytest's exit code."""
        results = log.with_suffix(".json")
        environ = {
            name: text for name, text in os.environ.items() if not name.startswith(("HF_", "WINGMAN_"))
        }
        environ |= TOKENS | {"HUB_ENDPOINT": endpoint, "HFH_RESULTS": str(results)}
        environ |= {"PYTHONPATH": str(self._kit), "PYTHONDONTWRITEBYTECODE": "1"}
        if not use_xet:
            environ["HF_HUB_DISABLE_XET"] = "1"
        plugins = [
            "-p",
            "hfh_local_endpoint",
            "-p",
            "no:env",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:rerunfailures",
        ]
        command = [self._python, "-m", "pytest", *plugins, "-o", "addopts=", "-W", "error::FutureWarning"]
        command += ["-q", "--no-header", "--tb=native", "--timeout=60"]
        with tempfile.NamedTemporaryFile("w", suffix=".args") as arguments, log.open("wb") as output:
            arguments.write("\n".join(tests))
            arguments.flush()
            command.append(f"@{arguments.name}")
            finished = subprocess.run(
                command, cwd=self._source, env=environ, stdout=output, stderr=subprocess.STDOUT
            )
        self._report(log, results)
        return finished.returncode

    def _report(self, log: Path, results: Path) -> None:
        text = log.read_text("utf-8", "replace")
        start = text.find("\nfile  ")
        if start < 0:
            print("The run did not finish; its last lines:", *text.splitlines()[-20:], sep="\n")
            return
        end = text.index("\nTOTAL", start)
        print(text[start : text.index("\n", end + 1)])
        records = json.loads(results.read_text("utf-8"))
        trivial = {test for test, tags in self._listed() if SAYS_NOTHING in tags}
        telling = {test: record for test, record in records.items() if test not in trivial}
        passed = sum(record["outcome"] == "passed" for record in telling.values())
        print(f"\n{passed} of {len(telling)} tests that say something of the server passed.")
        print(f"Output: {log}; each test: {results}")


@contextmanager
def seeded_hub(log: Path) -> Iterator[str]:
    """A Hub on a free port with an empty home and the accounts that the tests name; yields its address."""
    wingman = existing(ROOT / ".venv" / "bin" / "wingman", "wingman command", "`make venv`")
    with tempfile.TemporaryDirectory(prefix="wingman-conformance-") as folder:
        home, seed = Path(folder, "home"), Path(folder, "accounts.json")
        seed.write_text(json.dumps(accounts()))
        checked([wingman, "admin", "seed", seed, "--home", home])
        port = free_port()
        command = [wingman, "up", "--home", home, "--host", "127.0.0.1", "--port", str(port)]
        with log.open("wb") as output:
            hub = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            endpoint = f"http://127.0.0.1:{port}"
            wait_until_ready(hub, endpoint, log)
            yield endpoint
        finally:
            hub.terminate()  # does nothing to one that has ended
            hub.wait(20)


def accounts() -> dict:
    """The names are asserted by the tests, the tokens are ours."""
    users = {
        "__DUMMY_HUB_USER__": ("Dummy User", "HFH_TOKEN"),
        "DVUser": ("DV User", "HFH_OTHER_TOKEN"),
        "EnterpriseAdmin": ("Enterprise Admin", "HFH_ENTERPRISE_TOKEN"),
    }
    organizations = {
        "valid_org_hub": ("Dummy Hub Org", False, "__DUMMY_HUB_USER__"),
        "EnterpriseOrgPrivate": ("Enterprise Org Private", True, "EnterpriseAdmin"),
    }
    return {
        "users": [
            {
                "name": name,
                "full_name": full_name,
                "email": f"{name.strip('_').lower()}@example.org",
                "password": "correct horse battery staple",
                "admin": False,
                "tokens": [{"token": TOKENS[variable], "role": "write"}],
            }
            for name, (full_name, variable) in users.items()
        ],
        "organizations": [
            {
                "name": name,
                "full_name": full_name,
                "private_by_default": private,
                "members": [{"user": owner, "role": "admin"}],
            }
            for name, (full_name, private, owner) in organizations.items()
        ],
    }


def wait_until_ready(hub: subprocess.Popen, endpoint: str, log: Path) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{endpoint}/healthz", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            if hub.poll() is not None:
                break
            time.sleep(0.1)
    raise NotPrepared(f"The Hub did not start:\n{log.read_text('utf-8', 'replace')}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def checked(command: list) -> None:
    subprocess.run([str(word) for word in command], check=True)


if __name__ == "__main__":
    sys.exit(main())
