"""Commands as the person at this terminal can paste them: programs and folders by the shortest name that finds them."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from wingman.settings import load_settings


def shown_program(name: str) -> str:
    """`name` where the shell finds the program of this environment by it, else its path (`.venv/bin/wingman`)."""
    ours = Path(sys.executable).parent / name
    if not ours.exists() or shutil.which(name) == str(ours):
        return name
    return shlex.quote(shown_path(ours))


def shown_path(path: Path) -> str:
    """As a person would type it: relative to where they are, if it is below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def home_option(home: Path) -> str:
    """` --home FOLDER`, or nothing where commands take that folder anyway."""
    return "" if home == load_settings().home else f" --home {shlex.quote(shown_path(home))}"


def shown_token(home: Path, token: str | None) -> str:
    """Shell words that give `token` without showing it: where it came from, or nothing for a visitor."""
    kept = home / "admin-token"
    if os.environ.get("HF_TOKEN"):
        return "$HF_TOKEN"
    if token is not None and kept.is_file() and kept.read_text().strip() == token:
        return f"$(cat {shlex.quote(shown_path(kept))})"
    return f"$({shown_program('hf')} auth token)"
