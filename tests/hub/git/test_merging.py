"""Three-way merges by file and by line, and where two sides do not go together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.git.test_trees import Trees
from wingman.hub.git.merging import merge_lines, merge_trees
from wingman.hub.git.objects import GitObject, ObjectKind
from wingman.hub.git.trees import edit, walk

few_lines = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\n"]), max_size=8)


class Versions:
    """Folders of texts as trees, merged the way the Hub does it."""

    def __init__(self) -> None:
        self.trees = Trees()
        self.texts: dict[str, bytes] = {}

    def tree(self, **files: str) -> str:
        for text in files.values():
            self.texts[GitObject(ObjectKind.BLOB, text.encode()).oid] = text.encode()
        return self.trees.build({name.replace("__", "/"): text for name, text in files.items()})

    def merge(self, base: str, ours: str, theirs: str) -> tuple[dict[str, str], list[str]]:
        """The merged files, and the conflicts."""
        merged = merge_trees(self.trees, self.texts.get, base=base, ours=ours, theirs=theirs)
        if merged.conflicts:
            return {}, list(merged.conflicts)
        self.texts |= {blob.oid: blob.data for blob in merged.blobs}
        root, created = edit(self.trees, ours, merged.changes)
        self.trees.objects |= {item.oid: item for item in created}
        files = (entry for entry in walk(self.trees, root) if not entry.is_directory)
        return {entry.path: self.texts[entry.oid].decode() for entry in files}, []


def test_each_side_may_change_files_of_its_own():
    versions = Versions()
    base = versions.tree(a="1", b="2", gone="3")
    ours = versions.tree(a="changed here", b="2", gone="3", new__x="4")
    theirs = versions.tree(a="1", b="changed there", new__y="5")

    merged, conflicts = versions.merge(base, ours, theirs)

    assert conflicts == []
    assert merged == {"a": "changed here", "b": "changed there", "new/x": "4", "new/y": "5"}


def test_one_file_is_merged_by_line():
    versions = Versions()
    base = versions.tree(f="one\ntwo\nthree\n")
    ours = versions.tree(f="ONE\ntwo\nthree\n")
    theirs = versions.tree(f="one\ntwo\nthree\nfour\n")

    assert versions.merge(base, ours, theirs) == ({"f": "ONE\ntwo\nthree\nfour\n"}, [])


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        pytest.param({"f": "1\n"}, {"f": "2\n"}, {"f": "3\n"}, id="the same line"),
        pytest.param({"f": "1\n"}, {"f": "2\n"}, {}, id="changed here, removed there"),
        pytest.param({"f": "1\n"}, {}, {"f": "2\n"}, id="removed here, changed there"),
        pytest.param({}, {"f": "1\n"}, {"f": "2\n"}, id="added on both sides"),
        pytest.param({}, {"f": "1\n"}, {"f/below": "2\n"}, id="a file here, a folder there"),
        pytest.param({}, {"f/below": "1\n"}, {"f": "2\n"}, id="a folder here, a file there"),
    ],
)
def test_what_does_not_go_together_is_a_conflict(base: dict, ours: dict, theirs: dict):
    versions = Versions()

    trees = [
        versions.tree(**{path.replace("/", "__"): text for path, text in side.items()})
        for side in (base, ours, theirs)
    ]

    _, conflicts = versions.merge(*trees)
    assert [path.partition("/")[0] for path in conflicts] == ["f"]


def test_the_same_change_on_both_sides_is_none():
    versions = Versions()
    base, both = versions.tree(f="1\n"), versions.tree(f="2\n", g="3\n")

    assert versions.merge(base, both, both) == ({"f": "2\n", "g": "3\n"}, [])


def test_a_file_that_became_a_folder_there_replaces_ours():
    versions = Versions()
    base = versions.tree(f="1\n", other="x\n")
    ours = versions.tree(f="1\n", other="y\n")
    theirs = versions.tree(f__below="2\n", other="x\n")

    assert versions.merge(base, ours, theirs) == ({"f/below": "2\n", "other": "y\n"}, [])


@given(few_lines, few_lines)
def test_where_one_side_changed_nothing_the_other_wins(base: list[bytes], changed: list[bytes]):
    assert merge_lines(base, base, changed) == changed
    assert merge_lines(base, changed, base) == changed


@given(few_lines, few_lines, few_lines)
def test_sides_may_change_places(base: list[bytes], ours: list[bytes], theirs: list[bytes]):
    assert merge_lines(base, ours, theirs) == merge_lines(base, theirs, ours)
