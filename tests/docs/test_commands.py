"""Every command is documented, with the help it prints."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_commands_is_what_the_commands_say_of_themselves():
    command = [sys.executable, ROOT / "scripts" / "document_commands.py", "--check"]
    finished = subprocess.run(command, capture_output=True, text=True)

    assert finished.returncode == 0, finished.stderr


def test_the_page_names_every_command():
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    listed = subprocess.run([sys.executable, "-m", "wingman.cli", "--help"], capture_output=True, text=True)
    names = [
        line.split()[0] for line in listed.stdout.partition("Commands:\n")[2].splitlines() if line.strip()
    ]

    assert names
    assert [name for name in names if f"## wingman {name}\n" not in page] == []
