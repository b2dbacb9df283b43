"""What can go wrong in the lab. Every error says what was found, where, and what to do.

LabError
├── DataError        the data cannot be read or cannot be trained on (carries findings)
├── BaseModelError   the base model cannot be found or used
├── HubError         the Hub cannot be reached, or refuses
├── ResourceError    not enough memory or disk
├── StarterError     an archive of the starter kit cannot be had, or is not the pinned one
└── RecipeError      a recipe that cannot be read or flown here
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wingman.lab.data.model import Finding


class LabError(ValueError):
    """Base of all errors a person can act on; the message is meant to be read by them."""


class DataError(LabError):
    """Data that cannot be read or trained on. `findings` holds every reason, with its rows."""

    def __init__(self, message: str, findings: "Sequence[Finding]" = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class BaseModelError(LabError):
    """The base model is missing, is of the wrong kind, or cannot be loaded."""


class HubError(LabError):
    """The Hub at `endpoint` is out of reach or refuses what the flight needs."""

    def __init__(self, message: str, *, endpoint: str) -> None:
        super().__init__(message)
        self.endpoint = endpoint


class ResourceError(LabError):
    """The machine has less memory or disk than the flight needs; both in bytes."""

    def __init__(self, message: str, *, needed_bytes: int, available_bytes: int) -> None:
        super().__init__(message)
        self.needed_bytes = needed_bytes
        self.available_bytes = available_bytes


class StarterError(LabError):
    """An archive of the starter kit is out of reach, or its sha256 is not the pinned one."""


class RecipeError(LabError):
    """A recipe file that cannot be read, or that names something this machine does not have."""
