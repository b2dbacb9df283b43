"""What may be asked of a flight that the Hub starts, and the command that flies it.

Everything in an order comes from a browser or a client: data and models are names on this Hub, never paths of its
machine, and nothing can be taken for an option.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Any

from wingman.hub.errors import Invalid
from wingman.hub.flights.model import FlightOrder
from wingman.hub.repos.model import check_repo_name

METHODS = ("full", "lora", "features")
MAX_EPOCHS = 1000.0
MAX_COLUMN_CHARACTERS = 200
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}\Z")
_TASK = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_KNOWN = ("data", "task", "base", "method", "to", "private", "columns", "epochs", "repair")


def read_order(document: Mapping[str, Any], *, endpoint: str) -> FlightOrder:
    """An order as a client words it. Raises `Invalid` naming the field that is wrong."""
    unknown = sorted(set(document) - set(_KNOWN))
    if unknown:
        raise Invalid(
            f"A flight has no setting {', '.join(map(repr, unknown))}; there are: {', '.join(_KNOWN)}."
        )
    data = document.get("data")
    if not isinstance(data, str) or not data:
        raise Invalid("'data' must name the dataset to fly on: namespace/name.")
    method = document.get("method") or "full"
    if method not in METHODS:
        raise Invalid(f"'method' is {method!r}; it must be one of {', '.join(METHODS)}.")
    task = document.get("task") or "text-classification"
    if not isinstance(task, str) or not _TASK.match(task):
        raise Invalid(f"'task' is {task!r}; it must be the name of a task, such as text-classification.")
    return FlightOrder(
        data=_repo_name("data", data),
        task=task,
        base=_optional_repo(document, "base"),
        method=method,
        to=_optional_repo(document, "to"),
        private=_truth(document, "private"),
        columns=_columns(document.get("columns")),
        epochs=_epochs(document.get("epochs")),
        repair=_truth(document, "repair") or False,
        endpoint=endpoint,
    )


def new_flight_id(order: FlightOrder) -> str:
    """Named after its data; the rest keeps two flights on the same data apart."""
    stem = re.sub(r"[^a-z0-9]+", "-", order.data.partition("/")[2].lower()).strip("-") or "flight"
    return f"{stem[:40]}-{secrets.token_hex(5)}"


def fly_arguments(order: FlightOrder) -> list[str]:
    """What stands behind `wingman fly`, without what concerns the run.

    >>> fly_arguments(FlightOrder(data="alice/reviews", to="alice/mood", columns={"label": "stars"}))
    ['--task=text-classification', '--method=full', '--to=alice/mood', '--column=label=stars', 'alice/reviews']
    """
    arguments = [f"--task={order.task}", f"--method={order.method}"]
    arguments += [f"--base={order.base}"] if order.base else []
    arguments += [f"--to={order.to}"] if order.to else []
    arguments += [] if order.private is None else ["--private" if order.private else "--public"]
    arguments += [f"--column={role}={column}" for role, column in order.columns.items()]
    arguments += [] if order.epochs is None else [f"--epochs={order.epochs:g}"]
    arguments += ["--repair"] if order.repair else []
    return [*arguments, order.data]


def _optional_repo(document: Mapping[str, Any], field: str) -> str | None:
    value = document.get(field)
    return None if value in (None, "") else _repo_name(field, value)


def _repo_name(field: str, value: Any) -> str:
    namespace, slash, name = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not slash or not _NAMESPACE.match(namespace):
        raise Invalid(f"{field!r} is {value!r}; it must be a name on this Hub: namespace/name.")
    check_repo_name(name)
    return f"{namespace}/{name}"


def _truth(document: Mapping[str, Any], field: str) -> bool | None:
    value = document.get(field)
    if value is not None and not isinstance(value, bool):
        raise Invalid(f"{field!r} is {value!r}; it must be true or false.")
    return value


def _columns(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid('\'columns\' must say which column plays a role: {"text": "review", "label": "stars"}.')
    for role, column in value.items():
        is_column = (
            isinstance(column, str) and 0 < len(column) <= MAX_COLUMN_CHARACTERS and "\0" not in column
        )
        if not _ROLE.match(str(role)) or not is_column:
            raise Invalid(f"'columns' says {role!r}: {column!r}; it must be a role and the name of a column.")
    return dict(value)


def _epochs(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_EPOCHS:
        raise Invalid(f"'epochs' is {value!r}; it must be a number above 0 and at most {MAX_EPOCHS:g}.")
    return float(value)
