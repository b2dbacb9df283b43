"""`wingman serve`: one model behind an address of its own, in the foreground."""

import logging
import sys
from pathlib import Path

import click

from wingman.cli.hub import reach_hub
from wingman.serve.worker import WorkerOptions, run_worker
from wingman.settings import load_settings


@click.command()
@click.argument("name")
@click.option("--revision", help="Branch, tag or commit. [main]")
@click.option("--host", default=WorkerOptions.host, show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=WorkerOptions.port, show_default=True, help="Port to listen on; 0 takes a free one."
)
@click.option(
    "--hub", "named", metavar="URL", help="The Hub that has the model. [HF_ENDPOINT, else the one running here]"
)
@click.option("--idle-timeout", type=float, metavar="SECONDS", help="Leave when nobody asked for so long.")
@click.option("--home", type=click.Path(file_okay=False), help="Folder of the Hub. [~/.wingman]")
def serve(
    name: str,
    revision: str | None,
    host: str,
    port: int,
    named: str | None,
    idle_timeout: float | None,
    home: str | None,
) -> None:
    """Answer with the model NAME (namespace/name on a Hub, or a folder such as ./model) over HTTP.

    \b
    wingman serve me/reviews --port 8081
    curl http://127.0.0.1:8081 -d '{"inputs": "What a film!"}'
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for chatty in ("httpx2", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    endpoint, token = reach_hub(load_settings({"home": home}).home, named)
    options = WorkerOptions(
        source=_source(name),
        revision=revision,
        endpoint=endpoint,
        token=token,
        host=host,
        port=port,
        idle_timeout_s=idle_timeout,
    )
    try:
        farewell = run_worker(options)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another one with --port."
        ) from error
    if farewell.reason:
        raise click.ClickException(farewell.reason)


def _source(name: str) -> str | Path:
    """A folder is written as a path (./model, /srv/model): `me/model` alone always means the Hub's."""
    return Path(name).expanduser() if name.startswith(("./", "../", "/", "~")) or name == "." else name

