"""Call one method of HfApi: takes {"method": …, "arguments": {…}}, ends with its result as a line of JSON."""

import json
import sys

from huggingface_hub import HfApi


def revived(value):
    """A file object where the caller asked for one; JSON has none."""
    return open(value["open"], "rb") if isinstance(value, dict) and set(value) == {"open"} else value


def plain(value):
    """What JSON does not know: records by their fields, iterators as lists, the rest as text."""
    if hasattr(value, "__next__"):
        return list(value)
    return vars(value) if hasattr(value, "__dict__") else str(value)


request = json.loads(sys.argv[1])
arguments = {name: revived(value) for name, value in request["arguments"].items()}
print(json.dumps(getattr(HfApi(), request["method"])(**arguments), default=plain))
