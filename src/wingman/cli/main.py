"""The `wingman` command: a table of subcommands, each imported only when it is used.

Training libraries take seconds to import and the Hub a good part of one; help and errors must not wait for them.
"""

import importlib
import sys

import click

from wingman import __version__
from wingman.hub.errors import HubError
from wingman.settings import SettingsError

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, what it does)
    "demo": ("wingman.cli.demo:demo", "The whole way on real data: a Hub, a fine-tuned model, an answer."),
    "up": ("wingman.cli.hub:up", "Start the Hub: http://127.0.0.1:8080."),
    "down": ("wingman.cli.hub:down", "Stop a Hub that runs in the background."),
    "status": ("wingman.cli.hub:status", "Say whether a Hub is running, and where."),
    "fly": ("wingman.cli.lab:fly", "From a CSV to a published, served model."),
    "starter": ("wingman.cli.lab:starter", "Publish the starter kit: an encoder, movie sentences, tweets."),
    "prepare": ("wingman.cli.lab:prepare", "Begin a run: check data, pin choices, split, tokenise."),
    "baseline": ("wingman.cli.lab:baseline", "Train a run's classic baseline."),
    "train": ("wingman.cli.lab:train", "Fine-tune a run."),
    "evaluate": ("wingman.cli.lab:evaluate", "Measure a run on its test rows."),
    "export": ("wingman.cli.lab:export", "Write a run as ONNX, checked."),
    "card": ("wingman.cli.lab:card", "Write a run's model card."),
    "publish": ("wingman.cli.lab:publish", "Publish a run as the next version."),
    "serve": ("wingman.cli.serve:serve", "Answer with one model over HTTP, at an address of its own."),
    "admin": ("wingman.cli.hub:admin", "Accounts and provisioning."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for; help comes from the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("wingman"):
                raise
            extra = "serve" if cmd_name == "serve" else "lab"
            raise click.ClickException(
                f"`wingman {cmd_name}` needs {error.name}, which is not installed. "
                f"Install it with: pip install 'wingman-hub[{extra}]' (in a clone: make venv)"
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wingman")
def cli() -> None:
    """The Hugging Face you own: a Hub on your machine, and the way from a CSV to a served model."""


def main() -> None:
    """Run the command line; domain errors become one clear line and exit status 1."""
    try:
        cli(standalone_mode=True)
    except (HubError, SettingsError) as error:
        click.echo(f"wingman: {error}", err=True)
        sys.exit(1)
