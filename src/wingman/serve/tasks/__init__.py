"""One file per task: how its requests are read and its answers shaped. `TASKS` names the served ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wingman.serve.engine import Logits, TextInput
from wingman.serve.snapshot import ServedModel
from wingman.serve.tasks import text_classification


@dataclass(frozen=True, slots=True)
class Task:
    """inputs:     the rows asked about, out of the JSON body; raises `Unprocessable`.
    parameters: the body's `parameters`, checked, as the task's own type; raises `Unprocessable`.
    answer:     the JSON document for the raw outputs, (rows, labels).
    """

    inputs: Callable[[Mapping[str, Any]], list[TextInput]]
    parameters: Callable[[Mapping[str, Any]], Any]
    answer: Callable[[Logits, Any, ServedModel], Any]


TASKS: Mapping[str, Task] = {
    "text-classification": Task(
        inputs=text_classification.inputs,
        parameters=text_classification.parameters,
        answer=text_classification.answer,
    ),
}
