"""The pinned requirement files fit `pyproject.toml`, each other, and every platform."""

import doctest
import importlib.util
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "hub.txt": {"serve", "viewer"},
    "lab.txt": {"lab", "serve", "viewer"},
    "dev.txt": {"dev", "lab", "serve", "viewer", "postgres"},
}


@pytest.mark.parametrize("name", FILES)
def test_every_dependency_is_pinned_to_a_version_that_pyproject_accepts(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *(text for extra in FILES[name] for text in extras[extra])]
    pins = pinned(name)

    for wanted in map(Requirement, declared):
        if wanted.name == project["name"]:
            continue  # one extra that includes another
        pin = pins[canonicalize_name(wanted.name)]
        version = next(iter(pin.specifier)).version
        assert wanted.specifier.contains(version, prereleases=True), f"{wanted} is pinned to {version}"
        assert pin.marker == wanted.marker, f"{pin} must keep the marker of {wanted}"


@pytest.mark.parametrize("name", FILES)
def test_the_files_name_no_index_folder_or_build_of_one_machine(name):
    for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines():
        if not line.startswith("#"):
            pin = Requirement(line)
            assert pin.url is None
            assert [part.operator for part in pin.specifier] == ["=="]
            assert "+" not in str(pin.specifier)
            assert not pin.name.startswith(("nvidia", "triton", "cuda"))


def test_the_smaller_sets_pin_the_same_versions_as_the_largest():
    largest = pinned("dev.txt")

    for name in ("hub.txt", "lab.txt"):
        assert pinned(name).items() <= largest.items()


def test_the_light_hub_brings_no_training_library():
    heavy = {"torch", "transformers", "datasets", "pandas", "pyarrow", "scikit-learn"}

    assert heavy.isdisjoint(pinned("hub.txt"))


def test_the_examples_in_the_compiler_hold():
    spec = importlib.util.spec_from_file_location(
        "compile_requirements", ROOT / "scripts" / "compile_requirements.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert doctest.testmod(module).failed == 0


def pinned(name: str) -> dict[str, Requirement]:
    lines = (ROOT / "requirements" / name).read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in pins}
