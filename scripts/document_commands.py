"""Write `docs/commands.md`: every command with its help, as the program prints it.

python scripts/document_commands.py            # write the page
python scripts/document_commands.py --check    # fail if the page is not current
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from wingman.cli.main import cli

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
WIDTH = 100
INTRODUCTION = """# Commands

What each command prints for `--help`. This page is written by `make docs`; change the help in `wingman/cli/`.
"""


def main() -> int:
    page = "\n".join([INTRODUCTION, *sections(cli, None, "wingman")])
    if "--check" in sys.argv[1:]:
        if PAGE.exists() and PAGE.read_text("utf-8") == page:
            return 0
        print(
            f"{PAGE.name} is not what the commands say of themselves; `make docs` writes it.", file=sys.stderr
        )
        return 1
    PAGE.write_text(page, "utf-8")
    return 0


def sections(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """A heading and the help for `command`, then for everything under it."""
    widths = {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = command.make_context(name, [], parent, resilient_parsing=True, **widths)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None, f"{context.command_path} lists {child}, and has no such command"
            yield from sections(found, context, child)


if __name__ == "__main__":
    sys.exit(main())
