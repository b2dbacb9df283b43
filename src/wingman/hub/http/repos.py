"""What every route below a repository begins with: which one, and may this caller see it."""

from wingman.hub.access.model import Permission
from wingman.hub.http import convertors  # noqa: F401 - registers `repo_kind` and `web_kind`
from wingman.hub.http.moved import Moved, renamed
from wingman.hub.http.requests import HubRequest
from wingman.hub.repos.model import Repo, RepoGated, RepoKind

API_REPO = "/api/{kind:repo_kind}/{namespace}/{name}"
"""The address of a repository in the API."""
DOWNLOAD_MARK = "X-HF-Download-Counter"
"""What the client (2.x) sends with every request that is part of a download; the bytes may come over Xet."""


def repo_in(request: HubRequest, permission: Permission = Permission.REPO_CONTENT_READ) -> Repo:
    """The repository that the path names. Raises `RepoMissing`, `Unauthorized`, `Forbidden`, `Moved`."""
    kind = request.path_params.get("kind", RepoKind.MODEL)
    repo = request.hub.repos.find_for(request.caller, permission, kind, full_name_in(request))
    if repo.full_name != full_name_in(request) and request.method in ("GET", "HEAD"):
        _send_on(request, repo)
    return repo


def _send_on(request: HubRequest, repo: Repo) -> None:
    """Raise `Moved` to the repository's own address. Not for git, which warns people of every redirect."""
    path, params = request.scope["path"], request.path_params
    prefix = (
        f"/api/{repo.kind.plural}" if path.startswith("/api/") else f"/{repo.kind.url_prefix}".rstrip("/")
    )
    asked = f"{params['namespace']}/{params['name']}"
    if not path.startswith(f"{prefix}/{asked}/info/"):
        query = request.url.query
        raise Moved(renamed(path, query, prefix=prefix, old=asked, new=repo.full_name, base=request.base))


def content_repo_in(request: HubRequest) -> Repo:
    """The same for requests that read files: a gated repository needs more than being seen."""
    repo = repo_in(request)
    request.hub.repos.require_content(request.caller, repo)
    return repo


def reads_content(request: HubRequest, repo: Repo) -> bool:
    """Whether no gate keeps this caller from the files."""
    try:
        request.hub.repos.require_content(request.caller, repo)
    except RepoGated:
        return False
    return True


def count_download(request: HubRequest, repo: Repo) -> None:
    """Somebody fetches from this repository: not a page that draws a picture of it, nor a worker that loads it."""
    is_drawn = request.headers.get("sec-fetch-dest") == "image"
    if is_drawn or request.caller.is_confined:
        return
    user = request.caller.user
    address = request.client.host if request.client else ""
    request.hub.downloads.count(repo, f"user {user.id}" if user else address)


def full_name_in(request: HubRequest) -> str:
    name = request.segment("name")
    return f"{request.segment('namespace')}/{name.removesuffix('.git')}"
