"""Objects, pointers, attributes, revision names: bytes in, values out."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingman.hub.errors import Invalid
from wingman.hub.git.attributes import default_attributes, parse_attributes
from wingman.hub.git.objects import (
    Commit,
    MalformedObject,
    Person,
    make_commit,
    parse_commit,
    parse_tree,
    referenced,
)
from wingman.hub.git.pointers import Pointer, parse_pointer
from wingman.hub.git.revisions import check_ref_name

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_commit_survives_a_round_trip():
    commit = Commit(
        "a" * 40, ("b" * 40, "c" * 40), Person("Änn", "a@b"), AT, Person("Ben", ""), AT, "Title\n\nBody\n"
    )
    made = make_commit(commit)

    assert parse_commit(made.data) == commit
    assert (commit.title, commit.body) == ("Title", "Body")
    assert referenced(made.kind, made.data) == ("a" * 40, "b" * 40, "c" * 40)


def test_names_cannot_break_the_header_of_a_commit():
    evil = Person("x>\ncommitter <y", "a>\nparent " + "d" * 40)
    parsed = parse_commit(make_commit(Commit("a" * 40, (), evil, AT, evil, AT, "m")).data)

    assert parsed.parents == ()
    assert parsed.author.name == "xcommitter y"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_tree_or_malformed(data: bytes):
    try:
        parse_tree(data)
    except MalformedObject:
        return


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_commit_or_malformed(data: bytes):
    try:
        parse_commit(data)
    except MalformedObject:
        return


@given(st.integers(0, 10**17), st.binary(min_size=32, max_size=32))
def test_pointers_survive_a_round_trip(size: int, digest: bytes):
    pointer = Pointer(digest.hex(), size)

    assert parse_pointer(pointer.text) == pointer


@pytest.mark.parametrize("data", [b"", b"version 1\n", b"x" * 2000, Pointer("a" * 64, 1).text + b"more\n"])
def test_what_is_not_a_pointer(data: bytes):
    assert parse_pointer(data) is None


@pytest.mark.parametrize(
    ("path", "large"),
    [
        ("model.safetensors", True),
        ("deep/er/weights.bin", True),
        ("saved_model/variables/x", True),
        ("other/saved_model/x", False),
        ("archive.tar.gz", True),
        ("events.tfevents.123", True),
        ("README.md", False),
        ("photo.png", False),
    ],
)
def test_the_default_rules_keep_binaries_out_of_git(path: str, large: bool):
    assert parse_attributes(default_attributes(with_media=False)).is_lfs(path) is large


def test_datasets_also_keep_media_out():
    assert parse_attributes(default_attributes(with_media=True)).is_lfs("images/photo.png")


def test_the_last_matching_rule_wins_and_comments_are_passed_over():
    rules = parse_attributes(
        b"# *.bin\n*.bin filter=lfs -text\nsmall.bin -filter\n/top.txt filter=lfs\n[ab]?.x filter=lfs\n"
    )

    assert rules.is_lfs("large.bin")
    assert not rules.is_lfs("dir/small.bin")
    assert rules.is_lfs("top.txt")
    assert not rules.is_lfs("dir/top.txt")
    assert rules.is_lfs("dir/b1.x")
    assert not rules.is_lfs("c1.x")


@given(st.text(max_size=40).map(str.encode))
def test_any_attributes_file_can_be_parsed(text: bytes):
    parse_attributes(text).is_lfs("a/b")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a..b",
        "-a",
        "/a",
        "a/",
        "a.lock",
        "a~1",
        "refs/pr/1",
        "@",
        "a@{b",
        "f" * 40,
        "x" * 251,
        ".a",
    ],
)
def test_names_that_git_refuses_for_branches(name: str):
    with pytest.raises(Invalid):
        check_ref_name(name)


@pytest.mark.parametrize("name", ["main", "v1.0", "feature/x-y_z", "ünïcode", "refs-like", "f" * 39])
def test_names_that_branches_may_have(name: str):
    assert check_ref_name(name) == name
