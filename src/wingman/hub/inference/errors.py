"""Why a model does not answer.

InferenceError
├── ServeNotInstalled   this Hub lacks what workers need
├── CannotBeServed      the repository holds nothing that can be served; asking again does not help
├── WorkerFailed        the worker died, or never became ready; carries the end of its log
├── StillLoading        it is being loaded; ask again in a few seconds
└── WorkersBusy         as many models as this Hub may load are all answering
"""

from wingman.hub.errors import HubError, Invalid

LOG_TAIL_LINES = 10


class InferenceError(HubError):
    """Base of this package's errors."""


class ServeNotInstalled(InferenceError):
    def __init__(self, missing: str) -> None:
        super().__init__(
            f"This Hub cannot run models: {missing} is not installed beside it. "
            "Whoever runs it can change that with: pip install wingman-hub[serve]"
        )
        self.missing = missing


class CannotBeServed(InferenceError, Invalid):
    """The worker's own words."""


class WorkerFailed(InferenceError):
    def __init__(self, full_name: str, what: str, log: list[str]) -> None:
        tail = "\n".join(log[-LOG_TAIL_LINES:])
        super().__init__(f"The worker of {full_name} {what}. The end of its log:\n{tail or '(empty)'}")
        self.full_name, self.log = full_name, log


class StillLoading(InferenceError):
    retry_after_s = 5

    def __init__(self, full_name: str) -> None:
        super().__init__(f"{full_name} is being loaded. Try again in a few seconds.")


class WorkersBusy(InferenceError):
    retry_after_s = 5

    def __init__(self, num_workers: int) -> None:
        super().__init__(
            f"The {num_workers} models that this Hub may load at the same time (max_serve_workers) are all "
            "answering. Try again in a few seconds."
        )
