"""A flight: the steps in order, each done once, recorded, and resumed where an earlier attempt stopped."""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wingman.lab.base import BaseModel, find_base
from wingman.lab.errors import BaseModelError, HubError, LabError, RecipeError
from wingman.lab.events import Events, Listener, write_atomically
from wingman.lab.hub import Hub, check_target, check_token, connect, explain_lost_hub
from wingman.lab.recipe import Recipe, recipe_from_yaml
from wingman.lab.relay import Relay
from wingman.lab.request import Request, run_id
from wingman.lab.run import Run, hash_of
from wingman.lab.steps import baseline, card, evaluate, export, prepare, publish, serve, train
from wingman.lab.steps.choose import UNPUBLISHABLE, Choice, choose
from wingman.lab.tasks import find_task
from wingman.lab.training.openmp import let_waiting_threads_sleep

LOCAL_STEPS = ("prepare", "baseline", "train", "evaluate", "export", "compare", "card")
HUB_STEPS = ("publish", "serve")
STEPS = (*LOCAL_STEPS, *HUB_STEPS)
_AFTER: dict[str, tuple[str, ...]] = {
    "prepare": (),
    "baseline": ("prepare",),
    "train": ("prepare",),
    "evaluate": ("baseline", "train"),
    "export": ("evaluate",),
    "compare": ("export",),
    "card": ("export", "compare"),
    "publish": ("card",),
    "serve": ("publish",),
}


@dataclass
class Flight:
    """All that the steps of one run need. `hub` is None when nothing is published."""

    run: Run
    recipe: Recipe
    request: Request
    base: BaseModel
    hub: Hub | None
    events: Events
    custom: train.Custom = field(default_factory=train.Custom)
    _becomes: str | None = None

    def do(self, step: str) -> dict[str, Any]:
        """Do one step, or take it as done; the steps before it must be. Returns its record."""
        with self.run.held():
            return self._do(step)

    def _do(self, step: str) -> dict[str, Any]:
        try:
            if step == "publish":
                self._renew_card()
            inputs: dict[str, Any] = {"recipe": self.recipe.digest, "after": {}}
            for name in _AFTER[step]:
                inputs["after"][name] = self.run.require(name)["made"]
            work, outputs = self._work(step, inputs)
            record = self.run.do(step, inputs, work, outputs, self.events)
        except LabError:
            raise
        except Exception as error:
            if self.hub is not None and step in ("compare", *HUB_STEPS):
                explain_lost_hub(error, self.hub)
            raise
        if step == "train":
            shutil.rmtree(self.run.path("checkpoints"), ignore_errors=True)  # only now: the record is on disk
        return record

    def _renew_card(self) -> None:
        """A card names the version it becomes and the one before: another flight may have published meanwhile."""
        self.run.require("card")
        becomes = publish.next_version(self.run, self.recipe, self._require_hub())
        if becomes is not None and becomes != self.run.read_json("comparison.json")["next"]:
            self.run.forget("compare")
            self._becomes = becomes
            self._do("compare")
            self._do("card")

    def _work(self, step: str, inputs: dict[str, Any]) -> tuple[Callable[[], dict[str, Any]], Iterable[str]]:
        run, recipe, events = self.run, self.recipe, self.events
        if step == "prepare":
            endpoint, token = (
                (self.hub.endpoint, self.hub.token)
                if self.hub
                else (self.request.endpoint, self.request.token)
            )
            return lambda: prepare.prepare(
                run, recipe, self.base, events, data=self.request.data, endpoint=endpoint, token=token
            ), prepare.OUTPUTS
        if step == "baseline":
            return lambda: baseline.baseline(run, recipe, events), baseline.OUTPUTS
        if step == "train":
            return lambda: train.train(
                run, recipe, self.base, events, self.custom, inputs=hash_of(inputs)
            ), train.OUTPUTS
        if step == "evaluate":
            return lambda: evaluate.evaluate(run, recipe, events), evaluate.OUTPUTS
        if step == "export":
            return lambda: export.export(run, recipe, events), export.OUTPUTS
        if step == "compare":
            inputs["hub"] = [self.hub.endpoint, recipe.to] if self.hub else None
            return lambda: publish.compare_with_previous(
                run, recipe, self.hub, becomes=self._becomes
            ), publish.COMPARE_OUTPUTS
        if step == "card":
            inputs["to"] = recipe.to
            return lambda: card.card(run, recipe, events), card.OUTPUTS
        hub = self._require_hub()
        inputs["hub"] = [hub.endpoint, recipe.to]
        if step == "publish":
            publish.forget_if_gone(run, recipe, hub)
            return lambda: publish.publish(
                run, recipe, hub, events, private=self.request.private
            ), publish.OUTPUTS
        return lambda: serve.serve(run, recipe, hub, events), serve.OUTPUTS

    def _require_hub(self) -> Hub:
        if self.hub is None or self.recipe.to is None:
            raise HubError(
                "There is no Hub to publish to. Start one with `wingman up`, or name one with HF_ENDPOINT.",
                endpoint=self.request.endpoint or "",
            )
        return self.hub


def fly(
    request: Request,
    *,
    recipe: Recipe | None = None,
    custom: train.Custom | None = None,
    listeners: Iterable[Listener] = (),
    run_name: str | None = None,
    on_choice: Callable[[Choice], None] = lambda choice: None,
    on_begun: Callable[[Run], None] = lambda run: None,
) -> dict[str, Any]:
    """Fly from data to a published, served model, or go on with the flight this request began.

    run_name:  the run's folder name; None derives it from data and choices, which is how a killed flight is found.
    on_choice: told what the dry run found, before anything is trained.
    on_begun:  told which run this is, once it has its folder.
    Returns the documented result object (`docs/flights.md`). Raises `LabError`; what was done until then is kept.
    """
    started = time.perf_counter()
    events = Events(None, listeners)
    relay: Relay | None = None
    if run_name is not None:
        events.write_to(request.home / "runs" / run_name / "events.jsonl")
    try:
        events.emit("flight_started", data=request.data, task=request.task, method=request.method)

        def check(choice: Choice) -> None:
            on_choice(choice)
            _stop_if_unpublishable(request, choice)

        flight = begin(
            request, recipe=recipe, custom=custom, events=events, run_name=run_name, on_choice=check
        )
        on_begun(flight.run)
        if flight.hub is not None and flight.recipe.to is not None:
            relay = Relay(flight.hub, flight.run.id, _about(flight))
            events.listen(relay, replay=True)
        with flight.run.held():
            for step in STEPS if flight.recipe.to is not None else LOCAL_STEPS:
                flight.do(step)
                _send_artefacts(relay, flight.run, step)
        result = result_of(flight, time.perf_counter() - started)
        flight.run.write_json(result, "result.json")
        events.emit("flight_finished", result=result)
        return result
    except KeyboardInterrupt:
        events.emit("flight_failed", error="Stopped. Run the same command again to go on.", stopped=True)
        raise
    except LabError as error:
        events.emit("flight_failed", error=str(error))
        raise
    except Exception as error:
        events.emit("flight_failed", error=f"{type(error).__name__}: {error}")
        raise
    finally:
        if relay is not None:
            relay.close()


def _stop_if_unpublishable(request: Request, choice: Choice) -> None:
    """Minutes of training must not end with a model that cannot go where it was meant to."""
    if choice.recipe.to is not None and choice.hub is not None:
        check_token(choice.hub)
    elif request.publish:
        reasons = [str(finding) for finding in choice.findings if finding.code == UNPUBLISHABLE]
        raise HubError(" ".join(reasons), endpoint=request.endpoint or "")


def begin(
    request: Request,
    *,
    events: Events,
    recipe: Recipe | None = None,
    custom: train.Custom | None = None,
    run_name: str | None = None,
    on_choice: Callable[[Choice], None] = lambda choice: None,
) -> Flight:
    """The dry run, then the run's folder with recipe and request. Nothing is written when the dry run stops."""
    let_waiting_threads_sleep()
    custom = custom or train.Custom()
    events.step_started("choose")
    began = time.perf_counter()
    choice = choose(request, recipe=recipe)
    for finding in choice.findings:
        (events.warning if finding.level == "warning" else events.log)(str(finding))
    pinned = replace(choice.recipe, training=replace(choice.recipe.training, custom=custom.names()))
    on_choice(choice)
    events.step_finished(
        time.perf_counter() - began,
        {
            "columns": {
                guess.role: {"column": guess.column, "confidence": guess.confidence}
                for guess in choice.guesses
            },
            "rows": choice.rows,
            "labels": choice.labels,
            "estimate": choice.estimate.as_dict(),
            "base": choice.base.id,
            "to": pinned.to,
        },
    )
    run = Run(request.home / "runs" / (run_name or run_id(request.stem, pinned.digest, pinned.to)))
    with run.held():
        write_atomically(run.path("recipe.yaml"), pinned.to_yaml())
        run.write_json(request.kept(), "request.json")
        run.write_json(
            {
                "seconds": round(time.perf_counter() - began, 2),
                "findings": [finding.as_dict() for finding in choice.findings],
            },
            "choice.json",
        )
    events.write_to(run.path("events.jsonl"))
    return Flight(run, pinned, request, choice.base, choice.hub, events, custom)


def reopen(
    run: Run, events: Events, *, token: str | None = None, endpoint: str | None = None, to: str | None = None
) -> Flight:
    """A begun flight, to do one of its steps. `to` names where to publish, if the run has not said so yet.

    Raises `HubError` when `to` is not a name this user may publish to; the run then stays as it was.
    """
    let_waiting_threads_sleep()
    kept = run.request
    request = Request(
        **{
            **kept,
            "home": Path(kept["home"]),
            "token": token,
            "endpoint": endpoint or kept["endpoint"],
            "to": to or kept["to"],
        }
    )
    recipe = run.recipe
    try:
        hub = connect(request.endpoint, token) if request.endpoint else None
    except HubError:
        if to is not None:
            raise
        hub = None  # most steps need none; those that do say so
    if to is not None and to != recipe.to:
        if hub is not None:
            check_target(hub, to)
        recipe = replace(recipe, to=to)
        write_atomically(run.path("recipe.yaml"), recipe.to_yaml())
    name = request.base or (recipe.base.id if recipe.base.revision else None)
    base = find_base(
        name,
        home=request.home,
        endpoint=hub.endpoint if hub else request.endpoint,
        token=token,
        revision=recipe.base.revision,
    )
    if base.digest != recipe.base.digest:
        raise BaseModelError(
            f"{base.id} is not the base that run {run.id} began with: its files are others now. Begin a new run."
        )
    return Flight(run, recipe, request, base, hub, events)


def load_recipe(source: str, *, endpoint: str | None, token: str | None) -> Recipe:
    """A recipe from a file, or from a published model: `namespace/name@v1`."""
    path = Path(source).expanduser()
    if path.is_file():
        return recipe_from_yaml(path.read_text("utf-8"), where=str(path))
    repo, _, revision = source.partition("@")
    if repo.count("/") != 1:
        raise RecipeError(f"There is no recipe file {source}; a published one is named namespace/name@v1.")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        found = HfApi(endpoint=endpoint, token=token).hf_hub_download(
            repo, "recipe.yaml", revision=revision or None
        )
    except LocalEntryNotFoundError as error:
        raise HubError(
            f"The Hub at {endpoint} cannot be reached for the recipe {source}. Is it up?",
            endpoint=endpoint or "",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        raise RecipeError(f"{endpoint} has no recipe {source} that you may read.") from error
    except HfHubHTTPError as error:
        raise HubError(
            f"The Hub at {endpoint} answers with an error ({error}).", endpoint=endpoint or ""
        ) from error
    return recipe_from_yaml(Path(found).read_text("utf-8"), where=source)


def request_of(recipe: Recipe, request: Request) -> Request:
    """The request that flies a recipe again: its data and base unless the person names where they lie here."""
    data = request.data or recipe.data.source
    if recipe.data.revision is None and not Path(data).expanduser().exists():
        raise RecipeError(
            f"The recipe was flown on the file {recipe.data.source} (sha256 "
            f"{recipe.data.digest[:12]}…), which is not here. Name it: wingman fly {recipe.data.source} --recipe …"
        )
    return replace(
        request,
        data=data,
        task=recipe.task,
        base=request.base or (recipe.base.id if recipe.base.revision else None),
        base_revision=recipe.base.revision,
        data_revision=recipe.data.revision,
        columns={**_no_column(recipe), **recipe.data.columns},
        encoding=recipe.data.encoding,
        repair=recipe.data.repair,
        method=recipe.training.method,
        seed=recipe.training.seed,
    )


def _no_column(recipe: Recipe) -> dict[str, str]:
    """What a recipe does not name stays out, though a column looks like it."""
    return {role.name: "" for role in find_task(recipe.task).roles if not role.required}


def result_of(flight: Flight, seconds: float) -> dict[str, Any]:
    """The object `--json` prints: documented, stable, nothing else in it."""
    run = flight.run
    report = run.read_json("evaluation", "report.json")
    published = run.read_json("published.json") if flight.recipe.to is not None else {}
    return {
        "repo": published.get("repo"),
        "revision": published.get("revision"),
        "url": published.get("url"),
        "endpoint": published.get("endpoint"),
        "metrics": report["metrics"],
        "baseline": report["baseline"]["metrics"],
        "mcnemar_p": report["mcnemar"]["p_value"],
        "rows": report["rows"],
        "seconds": round(seconds, 1),
    }


def _about(flight: Flight) -> dict[str, Any]:
    recipe = flight.recipe
    return {
        "task": recipe.task,
        "data": recipe.data.source,
        "base": recipe.base.id,
        "method": recipe.training.method,
        "to": recipe.to,
    }


_ARTEFACTS = {
    "prepare": ("recipe.yaml",),
    "evaluate": (
        "evaluation/report.json",
        "worst_rows.json",
        "evaluation/confusion.svg",
        "evaluation/calibration.svg",
        "evaluation/comparison.svg",
        "evaluation/training.svg",
    ),
    "export": ("evaluation/engines.json",),
}


def _send_artefacts(relay: Relay | None, run: Run, step: str) -> None:
    if relay is None:
        return
    for name in _ARTEFACTS.get(step, ()):
        relay.send_file(Path(name).name, run.path(name))
