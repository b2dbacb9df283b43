"""Diffs that `git apply` takes, and how git tells of what cannot be shown."""

import subprocess
from pathlib import Path

import pytest

from tests.hub.git.test_trees import Trees
from wingman.hub.git.diffs import unified_diff
from wingman.hub.git.objects import EMPTY_TREE, GitObject, ObjectKind

LONG = "".join(f"line {number}\n" for number in range(200))


class Versions(Trees):
    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, bytes] = {}

    def build(self, files: dict[str, str], *, on: str = EMPTY_TREE) -> str:
        blobs = [GitObject(ObjectKind.BLOB, text.encode()) for text in files.values()]
        self.texts |= {blob.oid: blob.data for blob in blobs}
        return super().build(files, on=on)

    def diff(self, before: str, after: str) -> str:
        return unified_diff(self, self.texts.get, before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, {"new.txt": "a\nb\n"}, id="a new file"),
        pytest.param({"old.txt": "a\nb\n"}, {}, id="a removed file"),
        pytest.param(
            {"f": LONG}, {"f": LONG.replace("line 50\n", "").replace("line 150", "LINE")}, id="two hunks"
        ),
        pytest.param({"f": "no end"}, {"f": "no end\nbut now"}, id="without a line end"),
        pytest.param({"f": "a\n"}, {"f": ""}, id="emptied"),
        pytest.param({"d/with space": "a\r\n"}, {"d/with space": "b\r\n", 'd/ü"\\': "x\n"}, id="odd names"),
    ],
)
def test_git_applies_it(before: dict, after: dict, tmp_path: Path):
    versions = Versions()
    diff = versions.diff(versions.build(before), versions.build(after))
    for path, text in before.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(text.encode())
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)

    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=tmp_path, check=True)

    found = (path for path in tmp_path.rglob("*") if path.is_file() and ".git" not in path.parts)
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes().decode() for path in found} == after


def test_equal_trees_have_no_diff():
    versions = Versions()
    tree = versions.build({"a": "1\n"})

    assert versions.diff(tree, tree) == ""


def test_binary_files_are_only_named():
    versions = Versions()

    diff = versions.diff(EMPTY_TREE, versions.build({"weights": "\0\1"}))

    assert diff.splitlines()[-1] == "Binary files /dev/null and b/weights differ"
    assert "\0" not in diff
