"""`POST /models/{id}`: ask a model, as the Hugging Face Inference API is asked."""

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wingman.hub.access.model import Caller, Permission
from wingman.hub.git.revisions import RevisionMissing
from wingman.hub.http.repos import full_name_in
from wingman.hub.http.requests import HubRequest, read_body, streaming_route
from wingman.hub.inference.client import WorkerAnswer
from wingman.hub.repos.model import Repo, RepoKind

MODEL = "/models/{namespace}/{name}"
BODY_LIMIT = 2_000_000
_PASSED_ON = ("content-type", "retry-after", "x-repo-commit")


async def ask(request: HubRequest) -> Response:
    body = await read_body(request, BODY_LIMIT)
    caller, repo, commit = await run_in_threadpool(_model_in, request)
    answer = await request.hub.inference.ask(repo, commit, caller, request.local_base, body)
    return _response(answer)


async def health(request: HubRequest) -> Response:
    """200 when the model is in memory and answers, else 503 with what is the matter; starts nothing."""
    _, repo, commit = await run_in_threadpool(_model_in, request)
    said = await request.hub.inference.health(repo, commit)
    return _response(said) if isinstance(said, WorkerAnswer) else JSONResponse(said, 503)


def _model_in(request: HubRequest) -> tuple[Caller, Repo, str]:
    """Who asks which model, and the commit at the head of its `main`. Raises what reading a file would."""
    header = request.headers.get("authorization")
    recent = request.hub.inference.recent_callers
    # A browser's session depends on more than one header and is looked up every time.
    caller = recent.find(header, lambda: request.caller) if header else request.caller
    repos = request.hub.repos
    repo = repos.find_for(caller, Permission.REPO_CONTENT_READ, RepoKind.MODEL, full_name_in(request))
    repos.require_content(caller, repo)
    if repo.head is None:
        raise RevisionMissing(repo, "main")
    return caller, repo, repo.head


def _response(answer: WorkerAnswer) -> Response:
    headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
    return Response(bytes(answer.body), answer.status, headers)


routes: list[Route] = [
    streaming_route(MODEL, ask, "POST"),
    streaming_route(f"{MODEL}/health", health, "GET"),
]
