"""Trees: looking up, walking, comparing, editing. On a dictionary instead of a store."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingman.hub.git.objects import (
    EMPTY_TREE,
    MODE_DIRECTORY,
    MODE_FILE,
    GitObject,
    ObjectKind,
    TreeEntry,
    make_tree,
    parse_tree,
)
from wingman.hub.git.trees import (
    MAX_DEPTH,
    InvalidPath,
    NewFile,
    TooManyFiles,
    check_path,
    differences,
    edit,
    find_entries,
    find_entry,
    walk,
)


class Trees:
    """Tree objects by id; calling it loads them."""

    def __init__(self) -> None:
        self.objects: dict[str, GitObject] = {}
        self.num_loads = 0

    def __call__(self, oids):
        self.num_loads += 1
        return {oid: parse_tree(self.objects[oid].data) for oid in oids if oid in self.objects}

    def build(self, files: dict[str, str], *, on: str = EMPTY_TREE) -> str:
        root, created = edit(self, on, {path: NewFile(blob(text), MODE_FILE) for path, text in files.items()})
        self.objects |= {item.oid: item for item in created}
        return root

    def remove(self, root: str, *paths: str) -> str:
        root, created = edit(self, root, dict.fromkeys(paths))
        self.objects |= {item.oid: item for item in created}
        return root

    def files(self, root: str) -> set[str]:
        return {entry.path for entry in walk(self, root) if not entry.is_directory}


def blob(text: str) -> str:
    return GitObject(ObjectKind.BLOB, text.encode()).oid


def test_ids_are_those_that_git_gives(tmp_path):
    import subprocess

    files = {"a.txt": "one", "dir/b.txt": "two", "dir.c": "three", "dir/sub/ü #?.txt": "four"}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    theirs = subprocess.run(["git", "write-tree"], cwd=tmp_path, check=True, capture_output=True, text=True)

    assert Trees().build(files) == theirs.stdout.strip()


def test_a_path_is_found_at_any_depth():
    trees = Trees()
    root = trees.build({"a/b/c.txt": "x", "d.txt": "y"})

    entry = find_entry(trees, root, "a/b/c.txt")
    assert entry is not None
    assert (entry.path, entry.oid) == ("a/b/c.txt", blob("x"))
    folder = find_entry(trees, root, "a/b")
    assert folder is not None
    assert folder.is_directory
    assert find_entry(trees, root, "a/nothing") is None
    assert find_entry(trees, root, "d.txt/below-a-file") is None


def test_a_walk_loads_once_for_each_level():
    trees = Trees()
    root = trees.build({f"{a}/{b}/{c}": "x" for a in range(5) for b in range(5) for c in range(5)})
    trees.num_loads = 0

    entries = walk(trees, root)

    assert len(entries) == 5 + 25 + 125
    assert trees.num_loads == 3


def test_removing_the_last_file_removes_its_folders():
    trees = Trees()
    root = trees.build({"keep": "1", "deep/er/file": "2"})

    assert trees.remove(root, "deep/er/file") == trees.build({"keep": "1"})


def test_removing_a_folder_takes_everything_below():
    trees = Trees()
    root = trees.build({"keep": "1", "folder/a": "2", "folder/b/c": "3"})

    assert trees.files(trees.remove(root, "folder")) == {"keep"}


def test_a_file_replaces_a_folder_and_the_other_way_round():
    trees = Trees()
    root = trees.build({"x/y": "1"})

    as_file = trees.build({"x": "now a file"}, on=root)
    assert trees.files(as_file) == {"x"}
    assert trees.files(trees.build({"x/z": "a folder again"}, on=as_file)) == {"x/z"}


def test_one_change_cannot_make_a_name_both_file_and_folder():
    with pytest.raises(InvalidPath):
        Trees().build({"x": "1", "x/y": "2"})


def test_equal_subtrees_are_never_opened():
    trees = Trees()
    before = trees.build({"same/a": "1", "other/b": "2"})
    after = trees.build({"other/b": "3", "new": "4"}, on=before)
    trees.num_loads = 0

    changed = {
        change.path: (change.before is None, change.after is None)
        for change in differences(trees, before, after)
    }

    assert changed == {"other/b": (False, False), "new": (True, False)}
    assert trees.num_loads == 4


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "a//b",
        "../x",
        "a/../b",
        "./a",
        ".git/config",
        "a/.GIT/x",
        "..\\b",
        "\\\\host\\b",
        "C:\\b",
        "a\nb",
        "\0",
        "x" * 256,
        "\udcff",
    ],
)
def test_paths_that_may_not_stand_in_a_repository(path: str):
    with pytest.raises(InvalidPath):
        check_path(path)


@pytest.mark.parametrize(
    "path", ["a", "a/b.c", "a\\b", "with space", "ü/#?:%2F", ".gitignore", "...", "a" * 255]
)
def test_odd_paths_that_may(path: str):
    assert check_path(path) == path


names = st.sampled_from("abcd")
paths = st.lists(names, min_size=1, max_size=3).map("/".join)


@given(st.lists(st.tuples(paths, st.one_of(st.none(), st.text(max_size=3))), max_size=30))
def test_editing_step_by_step_equals_a_plain_dictionary(steps):
    trees, root, plain = Trees(), EMPTY_TREE, {}
    for path, text in steps:
        inside = {other for other in plain if other.startswith(f"{path}/")}
        above = {other for other in plain if path.startswith(f"{other}/")}
        if text is None:
            plain = {other: kept for other, kept in plain.items() if other != path and other not in inside}
            root = trees.remove(root, path)
        else:
            plain = {other: kept for other, kept in plain.items() if other not in inside | above} | {
                path: text
            }
            root = trees.build({path: text}, on=root)
    found = {entry.path: entry.oid for entry in walk(trees, root) if not entry.is_directory}
    assert found == {path: blob(text) for path, text in plain.items()}
    assert {path: entry.oid for path, entry in find_entries(trees, root, plain).items()} == found


def test_no_path_leads_through_more_folders_than_readers_follow():
    assert check_path("/".join("d" * MAX_DEPTH))
    with pytest.raises(InvalidPath):
        check_path("/".join("d" * (MAX_DEPTH + 1)))


def test_a_few_trees_that_name_endless_files_are_given_up():
    trees, top = Trees(), make_tree([TreeEntry(f"f{number}", MODE_FILE, blob("x")) for number in range(50)])
    for _ in range(6):
        trees.objects[top.oid] = top
        top = make_tree([TreeEntry(f"d{number}", MODE_DIRECTORY, top.oid) for number in range(50)])
    trees.objects[top.oid] = top

    with pytest.raises(TooManyFiles):
        walk(trees, top.oid)


def test_a_few_trees_that_give_files_endless_paths_are_given_up():
    """About 250,000 files, as many letters in the path of each as a path may have."""
    trees, top = Trees(), make_tree([TreeEntry(f"f{number}", MODE_FILE, blob("x")) for number in range(500)])
    for number_of_folders in (*[1] * 14, 500):
        trees.objects[top.oid] = top
        top = make_tree(
            TreeEntry(f"{number:03}{'d' * 250}", MODE_DIRECTORY, top.oid) for number in range(number_of_folders)
        )
    trees.objects[top.oid] = top

    with pytest.raises(TooManyFiles):
        walk(trees, top.oid)


def test_folders_stacked_on_folders_are_not_followed_without_end():
    trees, top = Trees(), make_tree([TreeEntry("f", MODE_FILE, blob("x"))])
    for _ in range(2000):
        trees.objects[top.oid] = top
        top = make_tree([TreeEntry("d", MODE_DIRECTORY, top.oid)])
    trees.objects[top.oid] = top

    with pytest.raises(InvalidPath):
        list(differences(trees, EMPTY_TREE, top.oid))
