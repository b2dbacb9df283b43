"""Compile `requirements/*.txt` from the extras in `pyproject.toml`, with pip-tools.

The largest set is resolved first and bounds the others, so that one environment can hold all three. What a
resolver knows only of the machine it ran on does not belong in a file for everyone: local versions (`+cpu`),
index addresses and folders are taken out, and the markers of `pyproject.toml` are kept.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
# File -> the extras it holds. The first is resolved freely, the others within it.
SETS = {"dev.txt": ("dev",), "lab.txt": ("lab",), "hub.txt": ("serve", "viewer")}
HEADER = "# Compiled from pyproject.toml by `make requirements`; do not edit.\n"
# Belongs to one platform or one machine: never in a file that every platform installs.
FOREIGN = re.compile(r"^\s*-|://|file:| @ |\+[a-z]|^(nvidia|triton|cuda)", re.IGNORECASE)


class NotPortable(ValueError):
    """A compiled line holds something that only this machine understands."""


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    markers = declared_markers(project)
    bounds = FOLDER / "constraints.txt"
    for name, extras in SETS.items():
        lines = [portable(line, markers) for line in resolve(project["name"], extras, bounds)]
        (FOLDER / name).write_text(HEADER + "".join(f"{line}\n" for line in lines), "utf-8")
        print(f"requirements/{name}: {len(lines)} packages")
        bounds = FOLDER / next(iter(SETS))


def declared_markers(project: dict) -> dict[str, str]:
    """Package -> environment marker, for the requirements that `pyproject.toml` limits to some platforms."""
    extras = project["optional-dependencies"].values()
    declared = [Requirement(text) for texts in [project["dependencies"], *extras] for text in texts]
    return {canonicalize_name(wanted.name): str(wanted.marker) for wanted in declared if wanted.marker}


def resolve(project_name: str, extras: tuple[str, ...], bounds: Path) -> list[str]:
    """Ask pip-compile for the pinned lines, each `name==version` and perhaps a marker."""
    command = [sys.executable, "-m", "piptools", "compile", "--quiet", "--strip-extras", "--no-header"]
    command += ["--no-annotate", "--no-emit-options", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--no-emit-trusted-host", "--unsafe-package", project_name, "--output-file", "-"]
    command += [f"--extra={extra}" for extra in extras] + [f"--constraint={bounds}", "pyproject.toml"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [line for line in output.splitlines() if line and not line.startswith("#")]


def portable(line: str, markers: dict[str, str]) -> str:
    """The pin without its local version and with the declared marker.

    >>> portable("torch==2.13.0+cpu", {})
    'torch==2.13.0'
    >>> portable("uvloop==0.23.0", {"uvloop": 'sys_platform != "win32"'})
    'uvloop==0.23.0 ; sys_platform != "win32"'
    """
    pin = re.sub(r"\+[\w.]+$", "", line.partition(";")[0].strip())
    if FOREIGN.search(pin):
        raise NotPortable(f"pip-compile gave {line!r}, which another machine cannot install.")
    marker = markers.get(canonicalize_name(pin.partition("==")[0]))
    return f"{pin} ; {marker}" if marker else pin


if __name__ == "__main__":
    main()
