"""Patterns of .gitattributes and .gitignore, judged by git itself, and timed."""

import subprocess
import time
from pathlib import Path

import pytest

from wingman.hub.git.attributes import parse_attributes
from wingman.hub.git.globs import Glob
from wingman.hub.git.ignoring import IgnoreRules

PATTERNS = [
    "*.bin",
    "/*.bin",
    "a/*.bin",
    "a/**",
    "**/b",
    "a/**/c",
    "a*c",
    "a?c",
    "[a-c]x",
    "[!a]x",
    "*a*b*",
    "**",
    "a**c",
    "*.tar.*",
    "saved/**/*",
    r"\*x",
    "[z-a]x",
    "[",
    "a/",
    "b",
]
PATHS = [
    "x.bin",
    "a/x.bin",
    "a/b/x.bin",
    "a/b/c",
    "a/c",
    "abc",
    "bx",
    "ax",
    "cab",
    "*x",
    "d.tar.gz",
    "saved/q",
    "a",
    "b/z",
    "[",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_attributes_mean_what_git_means(tmp_path: Path, pattern: str):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitattributes").write_text(f"{pattern} filter=lfs\n")
    told = subprocess.run(
        ["git", "check-attr", "-z", "filter", "--", *PATHS],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    by_git = [path for path, value in zip(told[0::3], told[2::3], strict=False) if value == "lfs"]

    rules = parse_attributes(f"{pattern} filter=lfs\n".encode())

    assert [path for path in PATHS if rules.is_lfs(path)] == by_git


@pytest.mark.parametrize(
    "rules", [*PATTERNS, "a/\n!a/x.bin", "*\n!*.bin", "/a/*\n!/a/b", "b/\n!b/z", "# x\n\n!", "x.bin  "]
)
def test_ignored_is_what_git_ignores(tmp_path: Path, rules: str):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(rules + "\n")
    told = subprocess.run(
        ["git", "check-ignore", "-z", "--no-index", "--stdin"],
        cwd=tmp_path,
        input="\0".join(PATHS) + "\0",
        capture_output=True,
        text=True,
    ).stdout.split("\0")

    ours = IgnoreRules(f"{rules}\n".encode())

    assert [path for path in PATHS if ours.ignores(path)] == told[:-1]


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "**/a/" * 40 + "b", "**a" * 40 + "b", "?*" * 60 + "b"])
def test_no_pattern_takes_long(pattern: str):
    began = time.perf_counter()
    for path in ("a" * 255, "/".join("a" * 200)):
        Glob(pattern).match(path)
        IgnoreRules(pattern.encode()).ignores(path)

    assert time.perf_counter() - began < 2
