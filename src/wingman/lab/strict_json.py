"""JSON that every parser takes. Python by itself writes NaN and Infinity, which JSON does not have."""

import json
import math
from typing import Any


def dump_strictly(value: Any, **options: Any) -> str:
    """`json.dumps` with null for each number that is not finite, as a figure that is not defined.

    >>> dump_strictly({"roc_auc": float("nan"), "bins": [0.5, float("inf")]})
    '{"roc_auc": null, "bins": [0.5, null]}'
    """
    return json.dumps(_only_finite(value), allow_nan=False, **options)


def _only_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _only_finite(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_only_finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
