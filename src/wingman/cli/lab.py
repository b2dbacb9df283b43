"""`wingman fly`, its steps as commands of their own, and `wingman starter`. Parses, calls the lab, prints."""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from wingman.cli.hub import reach_hub
from wingman.cli.progress import format_seconds, make_progress
from wingman.cli.shown import home_option, shown_program, shown_token
from wingman.settings import load_settings

_home = click.option(
    "--home", type=click.Path(file_okay=False), help="Folder for runs and caches. [~/.wingman]"
)
_hub = click.option(
    "--hub", "endpoint", metavar="URL", help="The Hub. [HF_ENDPOINT, else the one running here]"
)

_above_zero = click.FloatRange(0, min_open=True)

_PINNED = (
    "task", "method", "columns", "encoding", "data_revision", "base_revision", "repair", "seed", "epochs",
    "learning_rate", "batch_rows", "max_length",
)  # fmt: skip
"""What a recipe says, and what a person therefore cannot say beside it."""


def _data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option(
            "--task", default="text-classification", show_default=True, help="What is to be learned."
        ),
        click.option(
            "--base", metavar="MODEL", help="Base model: a folder or an id on the Hub. [all-MiniLM-L6-v2]"
        ),
        click.option(
            "--method",
            type=click.Choice(["full", "lora", "features"]),
            default="full",
            show_default=True,
            help="What of it is trained.",
        ),
        click.option(
            "--to", metavar="NAMESPACE/NAME", help="Repository to publish to. [named after data and base]"
        ),
        click.option("--no-publish", is_flag=True, help="Keep the model in the run's folder; no Hub is needed."),
        click.option(
            "--private/--public", default=None, help="Visibility of a new repository. [the Hub's default]"
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="ROLE=NAME",
            help="Which column is text, label or document (document= for none). May be repeated.",
        ),
        click.option("--encoding", help="Encoding of a text file. [UTF-8]"),
        click.option("--data-revision", metavar="REVISION", help="Revision of a Hub dataset."),
        click.option("--base-revision", metavar="REVISION", help="Revision of the base model."),
        click.option(
            "--repair",
            is_flag=True,
            help="Leave out rows with contradictory labels and rows that leak into the test.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**32 - 1),
            default=0,
            show_default=True,
            help="Seed of every random choice.",
        ),
        click.option("--epochs", type=_above_zero, help="At most this many passes over the data."),
        click.option("--learning-rate", type=_above_zero, help="Peak learning rate."),
        click.option("--batch-rows", type=click.IntRange(1), help="Rows a step, at most."),
        click.option("--max-length", type=click.IntRange(3), help="Tokens read of each text, at most."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def friendly(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn what a person can act on into one clear message; Ctrl-C into a hint."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        from wingman.lab.errors import LabError
        from wingman.lab.room import explain_full_disk

        try:
            try:
                return command(*args, **options)
            except OSError as error:
                explain_full_disk(error, load_settings({"home": options.get("home")}).home)
                raise
        except LabError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("\nStopped. Run the same command again to go on from here.", err=True)
            sys.exit(130)

    return run


def _request(data: str, home: str | None, endpoint: str | None, options: dict[str, Any]) -> Any:
    from wingman.lab.request import Request

    folder = load_settings({"home": home}).home
    columns = {}
    for pair in options.pop("columns"):
        role, equals, name = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not ROLE=NAME, e.g. --column text=review")
        columns[role] = name
    chosen, token = reach_hub(folder, endpoint)
    publish = not options.pop("no_publish")
    return Request(
        data=data, home=folder, endpoint=chosen, token=token, columns=columns, publish=publish, **options
    )


def _refuse_pinned(context: click.Context) -> None:
    """Choices beside a recipe that pins them. Raises `click.UsageError` naming them."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in _PINNED
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"A recipe pins what {' and '.join(given)} would choose. Beside --recipe you may name DATA, --base, --to, "
            "--no-publish and --private or --public; to choose anew, fly without the recipe."
        )


@click.command()
@click.argument("data", required=False)
@_data_options
@click.option(
    "--recipe",
    "recipe_source",
    metavar="RECIPE",
    help="Fly a recipe again: a recipe.yaml, or namespace/name@v1.",
)
@click.option("--dry-run", is_flag=True, help="Recognise, check and estimate; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on standard output.")
@click.option("--run-id", metavar="ID", help="Name of the run's folder. [from data and choices]")
@_hub
@_home
@friendly
def fly(
    data: str | None,
    recipe_source: str | None,
    dry_run: bool,
    as_json: bool,
    run_id: str | None,
    endpoint: str | None,
    home: str | None,
    **options: Any,
) -> None:
    """From DATA to a published, served model.

    DATA is a CSV, TSV, JSON, JSON Lines or Parquet file, a folder with train.csv and test.csv, or a dataset id of
    the Hub. The same command again goes on where it was stopped.
    """
    from wingman.lab.flight import fly as fly_flight
    from wingman.lab.flight import load_recipe, request_of
    from wingman.lab.steps.choose import choose
    from wingman.lab.strict_json import dump_strictly

    if data is None and recipe_source is None:
        raise click.UsageError("Name the data: wingman fly my.csv")
    if recipe_source is not None:
        _refuse_pinned(click.get_current_context())
    request = _request(data or "", home, endpoint, options)
    recipe = None
    if recipe_source is not None:
        recipe = load_recipe(recipe_source, endpoint=request.endpoint, token=request.token)
        request = request_of(recipe, request)
    if dry_run:
        _print_choice(choose(request, recipe=recipe), as_json=as_json)
        return
    begun: list[Any] = []
    with make_progress() as progress:
        result = fly_flight(
            request, recipe=recipe, listeners=[progress], run_name=run_id, on_begun=begun.append
        )
    if as_json:
        click.echo(dump_strictly(result))
    else:
        _print_result(result, request, begun[0])


def _print_choice(choice: Any, *, as_json: bool) -> None:
    if as_json:
        facts = {
            "columns": {
                guess.role: {"column": guess.column, "confidence": guess.confidence, "reason": guess.reason}
                for guess in choice.guesses
            },
            "labels": choice.labels,
            "rows": choice.rows,
            "findings": [finding.as_dict() for finding in choice.findings],
            "estimate": choice.estimate.as_dict(),
            "base": choice.base.id,
            "to": choice.recipe.to,
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for guess in choice.guesses:
        click.echo(f"{guess.role:>10}: column {guess.column!r} ({guess.confidence:.0%} sure: {guess.reason})")
    click.echo(f"{'labels':>10}: {', '.join(choice.labels[:12])}{' …' if len(choice.labels) > 12 else ''}")
    rows = choice.rows
    click.echo(
        f"{'rows':>10}: {rows['train']:,} to train, {rows['validation']:,} to validate, {rows['test']:,} to test"
    )
    click.echo(
        f"{'base':>10}: {choice.base.id} ({choice.base.num_parameters:,} parameters), {choice.recipe.training.method}"
    )
    for finding in choice.findings:
        click.echo(f"{finding.level:>10}: {finding}")
    estimate = choice.estimate
    click.echo(
        f"{'cost':>10}: about {format_seconds(estimate.seconds)}, {estimate.memory_bytes / 1e9:.1f} GB of memory, "
        f"{estimate.disk_bytes / 1e9:.1f} GB of disk (from {estimate.basis}; right within a factor of two)"
    )
    where = choice.recipe.to or "nowhere; the model stays in the run’s folder"
    but = ", but not with this token: it may only read" if choice.hub and choice.hub.only_reads else ""
    click.echo(f"{'publish':>10}: {where}{but}")


def _print_result(result: dict[str, Any], request: Any, run: Any) -> None:
    accuracy, baseline = result["metrics"]["accuracy"], result["baseline"]["accuracy"]
    click.echo(
        f"\nAccuracy {accuracy['value']:.3f} (95 % interval {accuracy['low']:.3f} to "
        f"{accuracy['high']:.3f}) on {result['rows']['test']:,} test rows; "
        f"the baseline has {baseline['value']:.3f}, McNemar p = {result['mcnemar_p']:.2g}. "
        f"{format_seconds(result['seconds'])} in all."
    )
    if result["url"] is None:
        wingman, where = shown_program("wingman"), home_option(request.home)
        click.echo(f"The model is in {run.folder}.")
        click.echo(f"To publish it: {wingman} publish {run.id} --to NAMESPACE/NAME{where}")
        return
    click.echo(f"Page:  {result['url']} ({result['revision']})")
    token = shown_token(request.home, request.token)
    click.echo(
        f'Ask:   curl {result["endpoint"]} -H "Authorization: Bearer {token}" -d \'{{"inputs": "I like it."}}\''
    )


@click.command()
@click.argument("data")
@_data_options
@_hub
@_home
@friendly
def prepare(data: str, endpoint: str | None, home: str | None, **options: Any) -> None:
    """Begin a run: check DATA, pin every choice, split and tokenise. Prints the run's id."""
    from wingman.lab.events import Events
    from wingman.lab.flight import begin

    with make_progress() as progress:
        flight = begin(_request(data, home, endpoint, options), events=Events(None, [progress]))
        flight.do("prepare")
    click.echo(flight.run.id)


def _step_command(step: str, help: str) -> click.Command:
    @click.argument("run", required=False)
    @_hub
    @_home
    @friendly
    def command(run: str | None, endpoint: str | None, home: str | None) -> None:
        _do_steps(run, [step], endpoint=endpoint, home=home)

    return click.command(name=step, help=f"{help} RUN is a run's id; without it, the latest run.")(command)


def _do_steps(
    run_id: str | None, steps: list[str], *, endpoint: str | None, home: str | None, to: str | None = None
) -> None:
    from wingman.lab.events import Events
    from wingman.lab.flight import reopen
    from wingman.lab.run import open_run

    folder = load_settings({"home": home}).home
    run = open_run(folder, run_id)
    chosen, token = reach_hub(folder, endpoint)
    with make_progress() as progress:
        flight = reopen(
            run, Events(run.path("events.jsonl"), [progress]), token=token, endpoint=chosen, to=to
        )
        for step in steps:
            flight.do(step)
    click.echo(run.id)


baseline = _step_command("baseline", "Train the classic baseline of a prepared run.")
train = _step_command("train", "Fine-tune, going on from the last checkpoint if there is one.")
evaluate = _step_command(
    "evaluate", "Measure a trained run on its test rows, with intervals, beside the baseline."
)
export = _step_command("export", "Write ONNX in fp32 and int8, check both, and choose the one to serve.")


@click.command()
@click.argument("run", required=False)
@_hub
@_home
@friendly
def card(run: str | None, endpoint: str | None, home: str | None) -> None:
    """Write the model card of an exported run. RUN is a run's id; without it, the latest run."""
    _do_steps(run, ["compare", "card"], endpoint=endpoint, home=home)


@click.command()
@click.argument("run", required=False)
@click.option("--to", metavar="NAMESPACE/NAME", help="Repository to publish to. [the run's]")
@_hub
@_home
@friendly
def publish(run: str | None, to: str | None, endpoint: str | None, home: str | None) -> None:
    """Publish a run as the next version, and check its endpoint. RUN is a run's id; without it, the latest run."""
    _do_steps(run, ["compare", "card", "publish", "serve"], endpoint=endpoint, home=home, to=to)


@click.command()
@click.option("--namespace", help="User or organization to publish below. [you]")
@_hub
@_home
@friendly
def starter(namespace: str | None, endpoint: str | None, home: str | None) -> None:
    """Publish the starter kit to your Hub: the encoder all-MiniLM-L6-v2, movie sentences and tweets."""
    from wingman.lab.hub import connect
    from wingman.lab.starter.publish import publish_starter

    folder = load_settings({"home": home}).home
    chosen, token = reach_hub(folder, endpoint)
    publish_starter(connect(chosen, token), folder, namespace=namespace, say=click.echo)
