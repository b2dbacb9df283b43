"""The root of everything the Hub refuses. Each domain defines its own errors beside the code that raises them.

HubError
├── NotFound         the thing is not there, or the caller may not know that it is
├── Conflict         it is there already, or it changed in the meantime
├── Invalid          the request cannot be carried out as it stands (also a ValueError)
├── Unauthorized     we do not know who is asking
├── Forbidden        we know, and the answer is no
├── TooLarge         over a stated limit
└── OutOfSpace       the store cannot take more
"""


class HubError(Exception):
    """Something the Hub refuses to do. `str(error)` is meant for the person who asked."""


class NotFound(HubError, LookupError):
    """What was asked for does not exist, or may not be seen by this caller."""


class Conflict(HubError):
    """The request contradicts what is there."""


class Invalid(HubError, ValueError):
    """The request is malformed; the message says what was wrong, where, and what is accepted."""


class Unauthorized(HubError):
    """No caller, or credentials that are not valid."""


class Forbidden(HubError, PermissionError):
    """The caller is known and may not do this."""


class TooLarge(HubError):
    """A stated limit was passed."""


class RangeNotSatisfiable(HubError):
    """The range begins at or after the end of `size` bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The requested range lies outside the {size} bytes of this file.")
        self.size = size


class OutOfSpace(HubError):
    """The object store or the disk below it cannot take more."""
