"""The one table from domain errors to what the public clients understand.

Source: reference of the wire contract, "Errors → exceptions": the client looks at `X-Error-Code` first.
"""

import logging
import traceback
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wingman.hub.accounts.service import InvalidToken
from wingman.hub.accounts.throttle import TooManyTries
from wingman.hub.commits.model import FileToDeleteMissing
from wingman.hub.errors import (
    Conflict,
    Forbidden,
    HubError,
    Invalid,
    NotFound,
    OutOfSpace,
    RangeNotSatisfiable,
    TooLarge,
    Unauthorized,
)
from wingman.hub.flights.errors import PlanFailed, PlansBusy
from wingman.hub.git.revisions import EntryMissing, RevisionMissing
from wingman.hub.git.store import RefMoved
from wingman.hub.git.trees import InvalidPath
from wingman.hub.git.wire.program import GitMissing
from wingman.hub.http.arriving import Stalled
from wingman.hub.http.intake import Busy
from wingman.hub.http.moved import Moved
from wingman.hub.inference.errors import (
    CannotBeServed,
    InferenceError,
    ServeNotInstalled,
    StillLoading,
    WorkersBusy,
)
from wingman.hub.repos.model import RepoExists, RepoGated, RepoMissing

log = logging.getLogger("wingman.hub")


class ErrorCode(StrEnum):
    """Values of `X-Error-Code` that clients act on."""

    REPO_NOT_FOUND = "RepoNotFound"
    REVISION_NOT_FOUND = "RevisionNotFound"
    ENTRY_NOT_FOUND = "EntryNotFound"
    GATED_REPO = "GatedRepo"


@dataclass(frozen=True, slots=True)
class Answer:
    """How an error looks on the wire."""

    status: int
    code: ErrorCode | None = None
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, object] = field(default_factory=dict)


_STATUS: dict[type[HubError], int] = {
    RangeNotSatisfiable: 416,
    ServeNotInstalled: 501,
    CannotBeServed: 422,
    PlanFailed: 422,
    PlansBusy: 503,
    InferenceError: 503,
    RefMoved: 412,
    NotFound: 404,
    Conflict: 409,
    InvalidPath: 422,
    Invalid: 400,
    Unauthorized: 401,
    Forbidden: 403,
    TooLarge: 413,
    OutOfSpace: 507,
    GitMissing: 501,
    TooManyTries: 429,
    Busy: 503,
    Stalled: 408,
}


def answer_for(error: HubError, *, base_url: str) -> Answer:
    """Status, code and headers of a domain error."""
    match error:
        case RepoMissing():
            # Not over 401 alone: the client's rule "401 means missing" only holds over https.
            return Answer(401 if error.anonymous else 404, ErrorCode.REPO_NOT_FOUND)
        case Moved():
            return Answer(307, headers={"Location": error.location})
        case RepoGated():
            return Answer(401 if error.anonymous else 403, ErrorCode.GATED_REPO)
        case RevisionMissing():
            return Answer(404, ErrorCode.REVISION_NOT_FOUND)
        case FileToDeleteMissing():
            return Answer(404, ErrorCode.ENTRY_NOT_FOUND)
        case EntryMissing():
            return Answer(404, ErrorCode.ENTRY_NOT_FOUND, {"X-Repo-Commit": error.commit})
        case RepoExists():
            return Answer(409, extra={"url": f"{base_url}/{error.kind.url_prefix}{error.full_name}"})
        case StillLoading() | WorkersBusy() | PlansBusy():
            return Answer(503, headers={"Retry-After": str(error.retry_after_s)})
        case RangeNotSatisfiable():
            return Answer(416, headers={"Content-Range": f"bytes */{error.size}"})
        case TooManyTries():
            return Answer(429, headers={"Retry-After": str(error.retry_after_s)})
        case Busy():
            return Answer(503, headers={"Retry-After": "3"})
    return Answer(next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500))


def header_text(text: str) -> str:
    """What a header may hold of a message that quotes a stranger: servers refuse to send control characters.

    >>> header_text("Invalid rev id: é\\r\\nSet-Cookie: a=b")
    'Invalid rev id: ?  Set-Cookie: a=b'
    """
    return "".join(char if " " <= char <= "~" else "?" if char > "~" else " " for char in text[:500])


def error_response(error: HubError, *, base_url: str) -> Response:
    answer = answer_for(error, base_url=base_url)
    text = str(error)
    headers = {"X-Error-Message": header_text(text), **answer.headers}
    if answer.code is not None:
        headers["X-Error-Code"] = answer.code.value
    if isinstance(error, InvalidToken):
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return JSONResponse({"error": text, **answer.extra}, answer.status, headers)


async def handle_crash(request: Request, error: Exception) -> Response:
    """The outermost handler: our own mistake. Logged with its traceback, told without it."""
    request_id = request.scope.get("wingman.request_id", "-")
    log.error(
        "%s %s failed (request %s)\n%s",
        request.method,
        request.url.path,
        request_id,
        "".join(traceback.format_exception(error)),
    )
    text = "The Hub made a mistake while answering this; its log has the details."
    return JSONResponse({"error": text}, 500, {"X-Error-Message": text, "X-Request-Id": request_id})
