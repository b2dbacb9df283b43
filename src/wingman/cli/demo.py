"""`wingman demo`: the whole way on real data. A Hub, the starter kit, a first flight, an answer."""

import socket
import time
from typing import Any

import click

from wingman.cli.hub import RunningHub, find_running, start_in_background
from wingman.cli.lab import friendly
from wingman.cli.progress import format_seconds, make_progress
from wingman.cli.shown import home_option, shown_program
from wingman.settings import Settings, load_settings

SENTENCE = "A warm, funny and quietly moving film."
NAMESPACE = "admin"
DATASET, BASE, MODEL = "movie-sentences", "all-MiniLM-L6-v2", "movie-sentiment"


@click.command()
@click.option("--home", type=click.Path(file_okay=False), help="Folder for everything. [~/.wingman]")
@click.option("--port", type=int, help="Port of the Hub; another one is taken if it is in use. [8080]")
@friendly
def demo(home: str | None, port: int | None) -> None:
    """The whole way on real data: start a Hub, publish a base model and a data set, fine-tune, publish, serve.

    What is there already is reused, so that a second run takes seconds; a run that was stopped goes on.
    """
    settings = load_settings({"home": home, "port": port})
    started = time.perf_counter()
    running = _hub(settings)
    token = _admin_token(settings)
    _starter(settings, running, token)
    result = _flight(settings, running, token)
    _ask(result["endpoint"], token)
    _summary(settings, running, token, result, time.perf_counter() - started)


def _admin_token(settings: Settings) -> str:
    kept = settings.home / "admin-token"
    if not kept.is_file():
        raise click.ClickException(
            f"The Hub in {settings.home} was set up by somebody (there is no {kept.name}), and the demo publishes as "
            "its administrator. Give the demo a folder of its own: --home FOLDER."
        )
    return kept.read_text().strip()


def _heading(number: int, title: str) -> None:
    click.secho(f"\n[{number}/4] {title}", bold=True)


def _hub(settings: Settings) -> RunningHub:
    _heading(1, "A Hub of your own")
    running = find_running(settings)
    if running is not None:
        click.echo(f"It is running already: {running.url}")
        return running
    before = time.perf_counter()
    chosen = settings if _is_free(settings) else load_settings({"home": settings.home, "port": 0})
    if chosen.port == 0:
        click.echo(f"Port {settings.port} is in use by another program; taking a free one.")
    running, _ = start_in_background(chosen)
    click.echo(f"Started in {format_seconds(time.perf_counter() - before)}: {running.url}")
    return running


def _is_free(settings: Settings) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return False
    return True


def _starter(settings: Settings, running: RunningHub, token: str) -> None:
    from wingman.lab.hub import connect
    from wingman.lab.starter.publish import publish_starter

    _heading(2, "The starter kit: a base model and two labelled data sets")
    before = time.perf_counter()
    publish_starter(connect(running.url, token), settings.home, say=click.echo)
    click.echo(f"Ready after {format_seconds(time.perf_counter() - before)}.")


def _flight(settings: Settings, running: RunningHub, token: str) -> dict[str, Any]:
    from wingman.lab.flight import fly
    from wingman.lab.request import Request

    _heading(3, "The first flight: is a sentence about a film positive or negative?")
    request = Request(
        data=f"{NAMESPACE}/{DATASET}",
        base=f"{NAMESPACE}/{BASE}",
        to=f"{NAMESPACE}/{MODEL}",
        home=settings.home,
        endpoint=running.url,
        token=token,
    )
    with make_progress() as progress:
        return fly(request, listeners=[progress])


def _ask(endpoint: str, token: str) -> None:
    from huggingface_hub import InferenceClient

    _heading(4, "An answer")
    answer = InferenceClient(model=endpoint, token=token).text_classification(SENTENCE)
    best = max(answer, key=lambda item: item.score)
    click.echo(f"{SENTENCE!r} -> {best.label} ({best.score:.1%})")


def _summary(
    settings: Settings,
    running: RunningHub,
    token: str,
    result: dict[str, Any],
    seconds: float,
) -> None:
    accuracy, baseline, rows = result["metrics"]["accuracy"], result["baseline"]["accuracy"], result["rows"]
    wingman, home = shown_program("wingman"), home_option(settings.home)
    click.secho("\nDone", bold=True)
    click.echo(
        f"""\
Trained       {BASE} on {rows["train"]:,} movie sentences ({rows["validation"]:,} to choose the best state).
Measured      accuracy {accuracy["value"]:.3f}, with 95 % certainty between {accuracy["low"]:.3f} and \
{accuracy["high"]:.3f}, on {rows["test"]:,} sentences kept apart.
Compared      with TF-IDF and a linear model on the same split: {baseline["value"]:.3f} \
(McNemar's test: p = {result["mcnemar_p"]:.1g}).
Took          {format_seconds(seconds)}.

Look at it    {result["url"]}
Log in        user {NAMESPACE}; set a password at {running.url}/login/first?token={token}
Fly your own  {wingman} fly my.csv{home}
Stop          {wingman} down{home}

Ask with curl:

curl {result["endpoint"]} -H 'Authorization: Bearer {token}' -d '{{"inputs": "{SENTENCE}"}}'

Ask in Python ({shown_program("python")}):

from huggingface_hub import InferenceClient
client = InferenceClient(model="{result["endpoint"]}", token="{token}")
print(client.text_classification("{SENTENCE}"))"""
    )
