"""The arrows of CONTRIBUTING.md: which package may import which, and what a plain import may bring in."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "wingman"
HUB = SOURCE / "hub"
HEAVY = ("torch", "transformers", "datasets", "pandas", "sklearn", "onnxruntime", "matplotlib")
ROLES_WITHOUT_SQL = ("model.py", "errors.py", "store.py", "service.py", "routes.py")
IMPLEMENTATIONS = ("sql", "tables", "disk", "cloud", "storage")


def modules(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))


def imports(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def under(names: set[str], *packages: str) -> set[str]:
    return {
        name
        for name in names
        if any(name == package or name.startswith(f"{package}.") for package in packages)
    }


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("hub", ("wingman.lab", "wingman.serve", "wingman.cli", *HEAVY)),
        ("lab", ("wingman.hub", "wingman.cli")),
        ("serve", ("wingman.hub", "wingman.lab", "wingman.cli")),
    ],
)
def test_the_halves_do_not_meet(folder: str, forbidden: tuple[str, ...]):
    wrong = {name: under(imports(tree), *forbidden) for name, tree in modules(SOURCE / folder)}

    assert {name: found for name, found in wrong.items() if found} == {}


def test_services_and_models_know_neither_sql_nor_http():
    wrong = {}
    for name, tree in modules(HUB):
        file = name.rpartition("/")[2]
        if file in ("model.py", "store.py", "service.py", "errors.py") and not name.startswith("hub/http/"):
            found = under(imports(tree), "sqlalchemy", "starlette", "uvicorn", "wingman.hub.http")
            wrong |= {name: found} if found else {}
    assert wrong == {}


def test_routes_know_no_sql():
    wrong = {
        name: found
        for name, tree in modules(HUB)
        if name.endswith("routes.py") and (found := under(imports(tree), "sqlalchemy"))
    }
    assert wrong == {}


def test_only_the_assembly_names_implementations():
    """Tables may join each other's; everything else meets a store only through its contract."""
    allowed = {"hub/app.py", "hub/storage.py", "hub/schema.py", "hub/blobs/opening.py"}
    wrong = {}
    for name, tree in modules(HUB):
        file = name.rpartition("/")[2].removesuffix(".py")
        if name in allowed or file in (*IMPLEMENTATIONS, "search") or "/migrations/" in name:
            continue
        found = {
            item
            for item in under(imports(tree), "wingman.hub")
            if item.rpartition(".")[2] in IMPLEMENTATIONS and item != "wingman.hub.storage"
        }
        wrong |= {name: found} if found else {}
    assert wrong == {}


def test_models_import_only_models():
    """`model.py` may know other models, errors and pure modules; never a store, a service or a route."""
    wrong = {}
    for name, tree in modules(HUB):
        if name.endswith("/model.py"):
            found = {
                item
                for item in under(imports(tree), "wingman.hub")
                if item.rpartition(".")[2] in ("store", "service", "routes", "sql")
            }
            wrong |= {name: found} if found else {}
    assert wrong == {}


def test_there_is_no_junk_drawer():
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path.name for path in SOURCE.rglob("*") if path.stem in drawers] == []


@pytest.mark.parametrize("module", ["wingman.hub.app", "wingman.cli.main", "wingman.serve", "wingman.lab"])
def test_importing_brings_in_nothing_heavy(module: str):
    code = f"import sys, {module}; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
