"""A bare `make` tells a newcomer every command there is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {"venv", "demo", "up", "test", "quick", "lint", "fix", "bench", "docs"}


@pytest.fixture
def listing() -> str:
    if shutil.which("make") is None:
        pytest.skip("needs make: apt-get install make, or xcode-select --install")
    return subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_make_lists_every_command_with_a_line_of_help(listing):
    listed = dict(re.findall(r"^  make (\w+) +(\S.*)$", listing, re.MULTILINE))

    assert set(listed) >= COMMANDS


def test_make_says_which_python_it_needs(tmp_path):
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit\nexit 1\n')
    old.chmod(0o755)

    command = ["make", "up", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert finished.returncode != 0
    assert "needs Python 3.11 or newer" in finished.stderr
    assert "Python 3.9.2" in finished.stderr
    assert not (tmp_path / "venv").exists()
