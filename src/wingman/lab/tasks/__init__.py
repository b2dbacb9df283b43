"""The tasks the lab knows, one file each, all of one form (`model.Task`).

Adding a task is adding a file, and a line here.
"""

from wingman.lab.errors import RecipeError
from wingman.lab.tasks import text_classification
from wingman.lab.tasks.model import Task

TASKS: dict[str, Task] = {task.name: task for task in (text_classification.TASK,)}


def find_task(name: str) -> Task:
    """The task called `name`, or by the name of its pipeline (`sentiment-analysis`)."""
    for task in TASKS.values():
        if name in (task.name, *task.aliases):
            return task
    raise RecipeError(f"There is no task {name!r} here; these are known: {', '.join(TASKS)}.")
