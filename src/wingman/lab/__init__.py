"""The lab: from labelled data to a measured, exported, published model.

    from wingman.lab import Request, fly
    result = fly(Request(data="reviews.csv", home=Path("~/.wingman").expanduser()))

Names are imported when they are used: `import wingman.lab` brings in no training library.
"""

import importlib
from typing import Any

_NAMES = {
    "Custom": "wingman.lab.steps.train",
    "Events": "wingman.lab.events",
    "Flight": "wingman.lab.flight",
    "LabError": "wingman.lab.errors",
    "Recipe": "wingman.lab.recipe",
    "Request": "wingman.lab.request",
    "Run": "wingman.lab.run",
    "begin": "wingman.lab.flight",
    "choose": "wingman.lab.steps.choose",
    "find_task": "wingman.lab.tasks",
    "fly": "wingman.lab.flight",
    "load_recipe": "wingman.lab.flight",
    "open_run": "wingman.lab.run",
    "publish_starter": "wingman.lab.starter.publish",
    "read_table": "wingman.lab.data.read",
    "reopen": "wingman.lab.flight",
}
__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return __all__
