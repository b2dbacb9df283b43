"""Changing a repository in the browser: make one, upload, write, rename, delete, configure. Each change is a commit."""

import hashlib
from collections.abc import Callable, Iterator
from typing import IO, Any

from python_multipart.exceptions import MultipartParseError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wingman.hub.access.model import Permission, may_create_in
from wingman.hub.commits.model import (
    AddFile,
    AddLargeFile,
    CommitRequest,
    CommitResult,
    CopyFile,
    DeleteFile,
    Operation,
)
from wingman.hub.commits.sizing import is_large
from wingman.hub.errors import HubError, Invalid, TooLarge
from wingman.hub.git.attributes import Attributes
from wingman.hub.git.revisions import EntryMissing
from wingman.hub.git.trees import check_path
from wingman.hub.lfs.model import ObjectSpec, Ticket
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.repos.service import SPACE_SDKS
from wingman.hub.web.page import (
    CSRF_FIELD,
    PAGE_HEADERS,
    PageRequest,
    SignInNeeded,
    error_page,
    go_to,
    page,
    show,
)
from wingman.hub.web.repo_pages import (
    PLAIN,
    PREFIXED,
    RepoPage,
    both,
    readable_repo_page,
    repo_named_in,
    repo_page,
)
from wingman.hub.web.templating import path_quote, segment_quote
from wingman.hub.web.viewing import MAX_TEXT_BYTES

MAX_FILES = 1000
_PIECE = 1 << 20
_SAMPLE_BYTES = 512


# --- a new repository ---


def new_form(request: PageRequest) -> Response:
    kind = request.query("kind", "model")
    return _new_page(request, kind if kind in {*RepoKind} else "model")


def _new_page(
    request: PageRequest, kind: str, *, status: int = 200, problem: str = "", **given: str
) -> Response:
    caller, user = request.caller, request.user
    owners = [
        user.name,
        *(
            item.organization.name
            for item in caller.memberships
            if may_create_in(caller, item.organization.id)
        ),
    ]
    return show(
        request,
        "new.html",
        status,
        kind=RepoKind(kind),
        owners=owners,
        owner=given.get("owner", user.name),
        name=given.get("name", ""),
        visibility=given.get("visibility", "public"),
        sdk=given.get("sdk", SPACE_SDKS[0]),
        sdks=SPACE_SDKS,
        problem=problem,
    )


def new(request: PageRequest) -> Response:
    given = {name: request.field(name).strip() for name in ("kind", "owner", "name", "visibility", "sdk")}
    if given["kind"] not in {*RepoKind}:
        raise Invalid("A repository is a model, a dataset or a space.")
    kind = RepoKind(given.pop("kind"))
    owner = given["owner"] or request.user.name
    try:
        repo = request.hub.repos.create(
            request.caller,
            kind=kind,
            name=given["name"],
            namespace=owner,
            private=given["visibility"] == "private",
            sdk=(given["sdk"] or None) if kind is RepoKind.SPACE else None,
        )
    except HubError as error:
        return _new_page(request, kind.value, status=400, problem=str(error), **given)
    address = f"/{path_quote(repo.path)}"
    return go_to(f"{address}/upload/main" if kind is not RepoKind.SPACE else address)


# --- files ---


def upload_form(request: PageRequest) -> Response:
    shown = readable_repo_page(request, Permission.REPO_CONTENT_WRITE)
    return show(
        request,
        "upload.html",
        tab="files",
        shown=shown,
        repo=shown.repo,
        folder=request.query("folder"),
        **_at(request),
    )


def _at(request: PageRequest) -> dict[str, Any]:
    return {"revision": request.segment("revision"), "problem": ""}


async def upload(request: Request) -> Response:
    """Files of a form, of any size: spooled to disk while they come, hashed, kept, and committed together."""
    asked = PageRequest(request.scope, request.receive)
    try:
        limit = asked.hub.settings.max_upload_gb * 10**9
        if int(asked.headers.get("content-length", "0") or 0) > limit:
            raise TooLarge(
                f"This is more than the {asked.hub.settings.max_upload_gb} GB that may be uploaded at once."
            )
        await run_in_threadpool(_admit_upload, asked)
        async with asked.form(max_files=MAX_FILES, max_fields=50) as form:
            return await run_in_threadpool(_take_upload, asked, form)
    except (HTTPException, MultipartParseError) as error:
        return await run_in_threadpool(error_page, asked, Invalid(f"The upload could not be read: {error}"))
    except HubError as error:
        if "application/json" in asked.headers.get("accept", ""):
            return JSONResponse({"error": str(error)}, 400, PAGE_HEADERS)
        return await run_in_threadpool(error_page, asked, error)


def _admit_upload(request: PageRequest) -> None:
    """Who may upload here is checked before the body is taken in; the form's token as soon as it can be read.

    Raises `SignInNeeded`, `RepoMissing`, `Forbidden`.
    """
    if request.signed_in is None:
        raise SignInNeeded
    kind, full_name = repo_named_in(request)
    request.hub.repos.find_for(request.signed_in.caller, Permission.REPO_CONTENT_WRITE, kind, full_name)


def _take_upload(request: PageRequest, form: FormData) -> Response:
    request.form_fields = {CSRF_FIELD: [str(form.get(CSRF_FIELD, ""))]}
    shown = readable_repo_page(request, Permission.REPO_CONTENT_WRITE)
    revision, folder = request.segment("revision"), str(form.get("folder", "")).strip().strip("/")
    files = [item for item in form.getlist("files") if isinstance(item, UploadFile) and item.filename]
    if not files:
        raise Invalid("No file was chosen. Choose one or more files, or drop them on the page.")
    attributes = request.hub.contents.attributes(shown.repo, revision)
    operations = [_added(request, shown.repo, attributes, folder, item) for item in files]
    names = ", ".join(operation.path for operation in operations[:3]) + ("…" if len(operations) > 3 else "")
    summary = str(form.get("summary", "")).strip() or f"Upload {names}"
    result = _commit(request, shown.repo, revision, summary, operations)
    target = f"{shown.address}/tree/{segment_quote(revision)}/{path_quote(folder)}".rstrip("/")
    if shown.repo.kind is RepoKind.DATASET and revision == "main" and not folder:
        target = shown.address
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"href": target, "commit": result.oid}, headers=PAGE_HEADERS)
    return go_to(target)


def _added(
    request: PageRequest, repo: Repo, attributes: Attributes, folder: str, item: UploadFile
) -> Operation:
    name = (item.filename or "").replace("\\", "/").strip("/")
    path = check_path(f"{folder}/{name}".strip("/"))
    source, size = item.file, item.size or 0
    sample = source.read(_SAMPLE_BYTES)
    source.seek(0)
    if not is_large(path, size, sample, attributes):
        return AddFile(path, source.read())
    digest = hashlib.sha256()
    for piece in _pieces(source):
        digest.update(piece)
    source.seek(0)
    spec = ObjectSpec(sha256=digest.hexdigest(), size=size)
    sink = request.hub.lfs.receive(Ticket(repo_id=repo.id, spec=spec))
    try:
        for piece in _pieces(source):
            sink.write(piece)
        sink.finish()
    finally:
        sink.abort()
    return AddLargeFile(path, spec.sha256, spec.size)


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: source.read(_PIECE), b"")


def _commit(
    request: PageRequest, repo: Repo, revision: str, summary: str, operations: list[Operation]
) -> CommitResult:
    wanted = CommitRequest(
        summary=summary[:200],
        description=request.field("description").strip(),
        parent_commit=request.field("parent") or None,
        operations=tuple(operations),
    )
    return request.hub.commits.commit(request.caller, repo, revision, wanted)


def write_form(request: PageRequest) -> Response:
    """A new file, or an existing text to change."""
    shown = readable_repo_page(request, Permission.REPO_CONTENT_WRITE)
    repo, revision = shown.repo, request.segment("revision")
    head = request.hub.contents.branch_head(repo, revision).commit
    if "path" not in request.path_params:
        folder = request.query("folder").strip("/")
        path = request.query("path") or (f"{folder}/" if folder else "")
        text = _card_beginning(repo) if path == "README.md" else ""
        return _write_page(request, shown, path=path, text=text, parent=head, is_new=True)
    path = request.segment("path")
    file = request.hub.contents.open(repo, head, path)
    if file.data is None or file.size > MAX_TEXT_BYTES or b"\0" in file.data:
        raise Invalid(f"{path} is not a text that can be edited in the browser.")
    return _write_page(
        request, shown, path=path, text=file.data.decode("utf-8", "replace"), parent=head, is_new=False
    )


def _write_page(
    request: PageRequest, shown: RepoPage, *, status: int = 200, problem: str = "", **values: Any
) -> Response:
    values = {"revision": request.segment("revision"), "summary": "", **values}
    return show(
        request, "write.html", status, tab="files", shown=shown, repo=shown.repo, problem=problem, **values
    )


def _card_beginning(repo: Repo) -> str:
    hint = "What it is, where it comes from, what it is good for, and what not."
    return f"---\nlicense: other\n---\n\n# {repo.name}\n\n{hint}\n"


def write(request: PageRequest) -> Response:
    shown = readable_repo_page(request, Permission.REPO_CONTENT_WRITE)
    is_new = "path" not in request.path_params
    path = request.field("path").strip().strip("/") if is_new else request.segment("path")
    text = request.field("text").replace("\r\n", "\n")
    summary = request.field("summary").strip() or f"{'Add' if is_new else 'Change'} {path}"
    try:
        if is_new:
            _refuse_taken(request, shown.repo, path)
        _commit(
            request,
            shown.repo,
            request.segment("revision"),
            summary,
            [AddFile(check_path(path), text.encode())],
        )
    except HubError as error:
        parent = request.hub.contents.branch_head(shown.repo, request.segment("revision")).commit
        return _write_page(
            request,
            shown,
            status=409,
            problem=str(error),
            path=path,
            text=text,
            parent=parent,
            is_new=is_new,
            summary=summary,
        )
    return go_to(_file_address(request, shown, path))


def _refuse_taken(request: PageRequest, repo: Repo, path: str) -> None:
    if request.hub.contents.paths(repo, request.segment("revision"), [path])[1]:
        raise Invalid(f"There is a file {path} already. Choose another name, or edit that file.")


def _file_address(request: PageRequest, shown: RepoPage, path: str) -> str:
    return f"{shown.address}/blob/{segment_quote(request.segment('revision'))}/{path_quote(path)}"


def _one_file(request: PageRequest) -> tuple[RepoPage, str]:
    """Raises `EntryMissing`."""
    shown = readable_repo_page(request, Permission.REPO_CONTENT_WRITE)
    path = request.segment("path")
    commit, found = request.hub.contents.paths(shown.repo, request.segment("revision"), [path])
    if not found:
        raise EntryMissing(shown.repo, path, commit)
    return shown, path


def move_form(request: PageRequest) -> Response:
    return _question_page(request, "move.html")


def _question_page(request: PageRequest, template: str) -> Response:
    """What is asked before a file changes. The commit it was asked at goes along: an old answer is refused."""
    shown, path = _one_file(request)
    head = request.hub.contents.branch_head(shown.repo, request.segment("revision")).commit
    return show(
        request, template, tab="files", shown=shown, repo=shown.repo, path=path, parent=head, **_at(request)
    )


def move(request: PageRequest) -> Response:
    shown, path = _one_file(request)
    target = check_path(request.field("to").strip().strip("/"))
    _refuse_taken(request, shown.repo, target)
    operations: list[Operation] = [CopyFile(target, path, None), DeleteFile(path)]
    _commit(request, shown.repo, request.segment("revision"), f"Rename {path} to {target}", operations)
    return go_to(_file_address(request, shown, target))


def delete_form(request: PageRequest) -> Response:
    return _question_page(request, "delete.html")


def delete(request: PageRequest) -> Response:
    shown, path = _one_file(request)
    _commit(request, shown.repo, request.segment("revision"), f"Delete {path}", [DeleteFile(path)])
    folder = path.rpartition("/")[0]
    return go_to(
        f"{shown.address}/tree/{segment_quote(request.segment('revision'))}/{path_quote(folder)}".rstrip("/")
    )


# --- the repository itself ---


def settings_form(request: PageRequest) -> Response:
    return _settings_page(request, repo_page(request, Permission.REPO_SETTINGS_WRITE))


def _settings_page(
    request: PageRequest, shown: RepoPage, *, status: int = 200, problem: str = "", done: str = ""
) -> Response:
    return show(
        request,
        "repo_settings.html",
        status,
        tab="settings",
        shown=shown,
        repo=shown.repo,
        problem=problem,
        done=done,
    )


def settings(request: PageRequest) -> Response:
    shown = repo_page(request, Permission.REPO_SETTINGS_WRITE)
    repo, service = shown.repo, request.hub.repos
    doing: dict[str, Callable[[], Any]] = {
        "visibility": lambda: service.configure(
            request.caller, repo.kind, repo.full_name, private=request.field("visibility") == "private"
        ),
        "move": lambda: service.move(request.caller, repo.kind, repo.full_name, request.field("to").strip()),
    }
    action = request.field("action")
    if action == "delete":
        if request.field("confirm").strip() != repo.full_name:
            return _settings_page(
                request, shown, status=400, problem=f"To delete it, type its name: {repo.full_name}"
            )
        service.delete(request.caller, repo.kind, repo.full_name)
        return go_to(f"/{repo.kind.plural}")
    if action not in doing:
        raise Invalid("This form asks for something that the settings do not offer.")
    try:
        changed: Repo = doing[action]()
    except HubError as error:
        return _settings_page(request, shown, status=409, problem=str(error))
    return go_to(f"/{path_quote(changed.path)}/settings")


routes: list[Route] = [
    page("/new", new_form),
    page("/new", new, "POST"),
    *both("/upload/{revision}", upload_form),
    *(Route(f"{start}/upload/{{revision}}", upload, methods=["POST"]) for start in (PREFIXED, PLAIN)),
    *both("/new/{revision}", write_form),
    *both("/new/{revision}", write, "POST"),
    *both("/edit/{revision}/{path:path}", write_form),
    *both("/edit/{revision}/{path:path}", write, "POST"),
    *both("/move/{revision}/{path:path}", move_form),
    *both("/move/{revision}/{path:path}", move, "POST"),
    *both("/delete/{revision}/{path:path}", delete_form),
    *both("/delete/{revision}/{path:path}", delete, "POST"),
    *both("/settings", settings_form),
    *both("/settings", settings, "POST"),
]
