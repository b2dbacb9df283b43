"""What the documents tell people to type works as it stands.

Python examples of a page run in order, as one program, against a real Hub. Shell examples are read: each
`wingman` command with its options, and each `make` target, must exist. A fence with a second word after its
language (```python output) is not an example.
"""

import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from tests.clients.environments import Client
from tests.servers.hub import LiveHub
from wingman.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
SHELL_BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED_LINE = re.compile(r"^    (\S.*)$", re.MULTILINE)


@pytest.mark.client
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_examples_run(page: Path, live_hub: LiveHub, tmp_path):
    program = tmp_path / "examples.py"
    program.write_text("\n".join(PYTHON_BLOCK.findall(page.read_text("utf-8"))), "utf-8")
    reader = Client(Path(sys.executable), live_hub.url, live_hub.token("alice"), tmp_path / "hf-home")

    reader.run(reader.python, program, cwd=tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_shell_examples_name_commands_and_options_that_exist(page: Path):
    wrong = [line for line in shell_lines(page) if not is_understood(line)]

    assert wrong == []


def shell_lines(page: Path) -> list[str]:
    text = page.read_text("utf-8")
    outside_fences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in SHELL_BLOCK.findall(text) for line in block.splitlines()]
    return [line.strip().removeprefix("$ ") for line in lines + INDENTED_LINE.findall(outside_fences)]


def is_understood(line: str) -> bool:
    """Whether each `wingman` and `make` in a line names what is there; other programs are not ours."""
    for step in re.split(r"&&|\|\||[;|]", line.partition(" #")[0]):
        words = shlex.split(step.replace("…", ""))
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)  # a variable set for this command alone
        if words[:1] == ["wingman"] and not takes(cli, words[1:]):
            return False
        if words[:1] == ["make"] and not targets().issuperset(word for word in words[1:] if word.isalpha()):
            return False
    return True


def takes(command: click.Command, words: list[str]) -> bool:
    """Whether `command` has the subcommands and options that `words` name."""
    context = click.Context(command)
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        return found is not None and takes(found, words[1:])
    known = {option for parameter in command.get_params(context) for option in parameter.opts}
    known |= {option for parameter in command.get_params(context) for option in parameter.secondary_opts}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    return given <= known


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
