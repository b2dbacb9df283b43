"""Showing a flight's events on standard error: bars where there is a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

_LINE_EVERY_SECONDS = 15.0


def format_seconds(seconds: float) -> str:
    """A duration as a person says it.

    >>> format_seconds(75)
    '1 min 15 s'
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def describe_step(step: str, summary: dict[str, Any] | None) -> str:
    """What a finished step has to say, in one line."""
    summary = summary or {}
    describe = _DESCRIPTIONS.get(step)
    return describe(summary) if describe and summary else ""


def _rows(counts: dict[str, int]) -> str:
    return (
        f"{counts['train']:,} rows to train, {counts['validation']:,} to validate, {counts['test']:,} to test"
    )


def _describe_choice(summary: dict[str, Any]) -> str:
    columns = ", ".join(
        f"{role} = {found['column']} ({found['confidence']:.0%} sure)"
        for role, found in summary["columns"].items()
    )
    estimate = summary["estimate"]
    cost = (
        f"about {format_seconds(estimate['seconds'])}, {estimate['memory_bytes'] / 1e9:.1f} GB of "
        f"memory, {estimate['disk_bytes'] / 1e9:.1f} GB of disk"
    )
    return f"{columns}; {len(summary['labels'])} labels; {_rows(summary['rows'])}; base {summary['base']}; {cost}"


def _describe_export(summary: dict[str, Any]) -> str:
    engines = [
        (
            f"{name}: {facts['megabytes']} MB, {facts['rows_per_second']:.0f} rows/s, agrees on "
            f"{facts['test']['agreement']:.1%} of the test rows"
        )
        for name, facts in summary["engines"].items()
    ]
    return f"{'; '.join(engines)}; {summary['chosen']} is served"


def _describe_train(summary: dict[str, Any]) -> str:
    speed = f", {summary['rows_per_second']:.0f} rows/s" if summary.get("rows_per_second") else ""
    return f"{summary['epochs']:g} epochs, {summary['steps']:,} steps{speed}; best at step {summary['best']['step']}"


def _describe_serving(summary: dict[str, Any]) -> str:
    if not summary["served"]:
        return "the endpoint was not asked"
    return (
        f"{summary['rows']:,} test rows asked; agrees with the evaluated model on "
        f"{summary['agreement']:.1%}, largest difference {summary['largest_difference']:.2g}"
    )


_DESCRIPTIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "choose": _describe_choice,
    "prepare": lambda summary: _rows(summary["rows"]),
    "baseline": lambda summary: f"{summary['model']}: accuracy {summary['accuracy']:.3f}",
    "train": _describe_train,
    "evaluate": lambda summary: summary["verdict"],
    "export": _describe_export,
    "compare": lambda summary: summary.get("words", "no earlier version"),
    "card": lambda summary: f"{summary['words']} words",
    "publish": lambda summary: f"{summary['url']} as {summary['revision']}",
    "serve": _describe_serving,
}


class PlainProgress:
    """One line when a step starts to take long, one when it ends."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._last = time.monotonic()

    def __enter__(self) -> "PlainProgress":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)
        self._last = time.monotonic()

    def __call__(self, event: dict[str, Any]) -> None:
        step, kind = event.get("step"), event["event"]
        if kind == "step_started":
            self._last = time.monotonic()
        elif kind == "progress" and time.monotonic() - self._last > _LINE_EVERY_SECONDS:
            self._say(f"  {step}: {event['done']:,} of {event['total']:,} {event['unit']}")
        elif kind == "warning":
            self._say(f"  warning: {event['message']}")
        elif kind == "log":
            self._say(f"  {event['message']}")
        elif kind == "step_finished":
            done = "done before" if event.get("reused") else format_seconds(event["seconds"])
            self._say(f"{step} ({done}): {describe_step(str(step), event['summary'])}")


class TerminalProgress:
    """A bar for the step under way, with time left; finished steps stay above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("[bold]{task.description:>9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            transient=True,
        )
        self._task: Any = None

    def __enter__(self) -> "TerminalProgress":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "step_started":
            self._task = self._progress.add_task(event["step"], total=None, unit="", note="")
        elif kind == "progress" and self._task is not None:
            self._progress.update(
                self._task, completed=event["done"], total=event["total"], unit=event["unit"]
            )
        elif kind == "metric" and event["name"] in ("loss", "eval_accuracy") and self._task is not None:
            self._progress.update(
                self._task, note=f"{event['name'].removeprefix('eval_')} {event['value']:.3f}"
            )
        elif kind == "warning":
            self._console.print(f"  [yellow]warning[/]: {_escape(event['message'])}")
        elif kind == "log":
            self._console.print(f"  [dim]{_escape(event['message'])}[/]")
        elif kind == "step_finished":
            self._finish(event)
        elif kind == "flight_failed":
            self._remove()

    def _finish(self, event: dict[str, Any]) -> None:
        self._remove()
        done = "done before" if event.get("reused") else format_seconds(event["seconds"])
        self._console.print(
            f"[green]✓[/] [bold]{event['step']:<9}[/] [dim]{done:>11}[/]  "
            f"{_escape(describe_step(event['step'], event['summary']))}"
        )

    def _remove(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def make_progress() -> PlainProgress | TerminalProgress:
    """Bars on a terminal, lines elsewhere."""
    return TerminalProgress() if sys.stderr.isatty() else PlainProgress()
