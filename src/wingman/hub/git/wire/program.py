"""Running git's own programs on a repository on disk, apart from any user's configuration."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from wingman.hub.errors import HubError
from wingman.hub.git.objects import GitObject, ObjectKind

MAX_ALLOCATION = "1g"
"""The most memory that git may ask for at once while it looks at what a stranger sent."""

_CHECKED_AT_ONCE = 400
"""So many questions and answers fit into the pipes (64 KiB) even if git reads all before it writes any."""


class GitMissing(HubError):
    """The server has no git, without which nobody can clone or push. Everything else works."""

    def __init__(self) -> None:
        super().__init__(
            "This Hub cannot speak git: the program `git` is not installed on its server. Its operator can "
            "install it (apt-get install git, brew install git); it is used without a restart."
        )


class GitFailed(Exception):
    """One of git's programs ended with an error; `complaint` is what it printed."""

    def __init__(self, command: Sequence[str], complaint: str) -> None:
        super().__init__(f"git {' '.join(command)}: {complaint}")
        self.complaint = complaint


def find_git() -> str:
    """Raises `GitMissing`."""
    program = shutil.which("git")
    if program is None:
        raise GitMissing
    return program


@dataclass(frozen=True, slots=True)
class Described:
    """An object on disk, without its content."""

    oid: str
    kind: ObjectKind
    size: int


@dataclass(frozen=True, slots=True)
class DiskRepo:
    """A bare repository; with `quarantine`, new objects go to that folder and are seen from here alone."""

    folder: Path
    quarantine: Path | None = None

    def environment(self, protocol: str = "") -> dict[str, str]:
        """`protocol` is the client's `Git-Protocol` header."""
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "GIT_DIR": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C",
        }
        if protocol:
            environ["GIT_PROTOCOL"] = protocol
        if self.quarantine is not None:
            # A few bytes of deltas can stand for an object of any size; git then gives up instead of the machine.
            environ["GIT_ALLOC_LIMIT"] = MAX_ALLOCATION
            environ["GIT_OBJECT_DIRECTORY"] = str(self.quarantine)
            environ["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(self.folder / "objects")
        return environ

    def run(self, *command: str, feed: bytes = b"") -> bytes:
        """What the program prints. Raises `GitFailed`, `GitMissing`."""
        finished = subprocess.run(
            [find_git(), *command], input=feed, capture_output=True, env=self.environment(), check=False
        )
        if finished.returncode:
            raise GitFailed(command, last_words(finished.stderr))
        return finished.stdout

    def add_pack(self, pieces: Iterable[bytes]) -> None:
        """Keep the objects of a pack; all of them become visible together. Raises `GitFailed`."""
        command = ("index-pack", "--stdin", "--threads=1")
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                [find_git(), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                env=self.environment(),
            )
            with _ended(process):
                assert process.stdin is not None
                try:
                    for piece in pieces:
                        process.stdin.write(piece)
                    process.stdin.close()
                except BrokenPipeError:
                    pass  # it gave up early, and says why below
                if process.wait():
                    complaints.seek(0)
                    raise GitFailed(command, last_words(complaints.read()))

    def describe(self, names: Iterable[str]) -> list[Described | None]:
        """For each name (`oid`, `oid^{commit}`) what it means; None where nothing is called so."""
        feed = "".join(f"{name}\n" for name in names).encode()
        lines = self.run("cat-file", "--batch-check", "--buffer", feed=feed).decode().splitlines()
        return [_described(line) for line in lines]

    @contextmanager
    def presence(self) -> Iterator["Presence"]:
        """A way to ask often which objects are here."""
        process = subprocess.Popen(
            [find_git(), "cat-file", "--batch-check=%(objectname)"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment(),
        )
        with _ended(process):
            assert process.stdin is not None
            assert process.stdout is not None
            yield Presence(process.stdin, process.stdout)

    def read_objects(self, oids: Iterable[str]) -> Iterator[GitObject]:
        """The objects in the order asked for. Raises `GitFailed` where one is not there."""
        command = ("cat-file", "--batch", "--buffer")
        with tempfile.TemporaryFile() as questions:
            questions.writelines(f"{oid}\n".encode() for oid in oids)
            questions.seek(0)
            process = subprocess.Popen(
                [find_git(), *command], stdin=questions, stdout=subprocess.PIPE, env=self.environment()
            )
            with _ended(process):
                assert process.stdout is not None
                while header := process.stdout.readline():
                    found = _described(header.decode().rstrip("\n"))
                    if found is None:
                        raise GitFailed(command, header.decode())
                    yield GitObject(found.kind, process.stdout.read(found.size))
                    process.stdout.read(1)


class Presence:
    """Asks a running `git cat-file` which objects it has."""

    def __init__(self, questions: IO[bytes], answers: IO[bytes]) -> None:
        self._questions, self._answers = questions, answers

    def among(self, oids: Iterable[str]) -> set[str]:
        """Those of `oids` that are here."""
        wanted, found = list(oids), set()
        for start in range(0, len(wanted), _CHECKED_AT_ONCE):
            batch = wanted[start : start + _CHECKED_AT_ONCE]
            self._questions.write("".join(f"{oid}\n" for oid in batch).encode())
            self._questions.flush()
            for oid in batch:
                if not self._answers.readline().endswith(b" missing\n"):
                    found.add(oid)
        return found


def _described(line: str) -> Described | None:
    words = line.split(" ")
    if len(words) != 3:
        return None
    return Described(words[0], ObjectKind[words[1].upper()], int(words[2]))


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """However the block ends, so does the process, and its pipes are closed."""
    try:
        yield
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what was not written has no reader any more
                    pipe.close()
        process.wait()


def last_words(complaint: bytes) -> str:
    """The last line that git printed, without its prefix."""
    lines = complaint.decode("utf-8", "replace").strip().splitlines() or ["no reason was given"]
    return lines[-1].removeprefix("fatal: ").removeprefix("error: ")
