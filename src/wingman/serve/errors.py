"""What can go wrong between a request and its answer. `str(error)` is meant for the person who asked.

ServeError
├── BadRequest          the caller's fault
│   ├── Malformed       the body is not JSON
│   ├── Unprocessable   it is JSON, but not a question for this model
│   └── BodyTooLarge    more bytes than the stated limit
├── Busy                too many rows wait already, or these waited too long; try again
├── NotReady            the model is still being loaded
├── EngineFailed        the model ran and gave nothing usable
└── Unservable          this repository cannot be served at all
"""


class ServeError(Exception):
    """Base of everything this package raises on purpose."""


class BadRequest(ServeError, ValueError):
    """The request must change before it can be answered."""


class Malformed(BadRequest):
    """The body is not a JSON document."""


class Unprocessable(BadRequest):
    """JSON that does not ask this task's question; the message says which field, and what to send."""


class BodyTooLarge(BadRequest):
    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"The request body is larger than {limit_bytes} bytes. Send fewer or shorter inputs."
        )
        self.limit_bytes = limit_bytes


class Busy(ServeError):
    """The same request may succeed after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotReady(ServeError):
    """Loading has not finished; asking again in a few seconds is right."""


class EngineFailed(ServeError):
    """The engine's own error, or an answer that is no number."""


class Unservable(ServeError):
    """The repository lacks something, or its task or format is not served; says which and what to do."""
