"""The files of a repository: folders, viewers, history and what a commit changed."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from wingman.hub.contents.model import HistoryEntry, OpenedFile
from wingman.hub.git.store import Ref
from wingman.hub.repos.model import Repo
from wingman.hub.viewer.model import Table, TableMissing
from wingman.hub.web.diffs import parse_diff
from wingman.hub.web.page import PageRequest, go_to, show
from wingman.hub.web.previews import preview_of
from wingman.hub.web.repo_pages import both, place_at, readable_repo_page
from wingman.hub.web.templating import path_quote, segment_quote
from wingman.hub.web.viewing import MAX_TEXT_BYTES, Read, is_table, rendered_card, view_file

ENTRIES_A_PAGE = 100
COMMITS_A_PAGE = 30


def tree(request: PageRequest) -> Response:
    shown = readable_repo_page(request)
    repo, revision, folder = shown.repo, _revision(request), _path(request)
    if repo.head is None and revision == "main":
        return show(request, "files.html", tab="files", shown=shown, repo=repo, revision="main", **_NO_FILES)
    start = request.number("from", 0, high=10_000_000)
    commit, entries, num_entries = request.hub.contents.folder_page(
        repo, revision, folder, start=start, limit=ENTRIES_A_PAGE
    )
    readme = _readme(request, repo, commit, revision, folder) if start == 0 else None
    here = f"{shown.address}/tree/{segment_quote(revision)}/{path_quote(folder)}".rstrip("/")
    return show(
        request,
        "files.html",
        tab="files",
        shown=shown,
        repo=repo,
        revision=revision,
        folder=folder,
        commit=commit,
        entries=entries,
        num_entries=num_entries,
        start=start,
        refs=_ref_names(request, repo),
        newer=f"{here}?from={max(0, start - ENTRIES_A_PAGE)}" if start else "",
        older=f"{here}?from={start + ENTRIES_A_PAGE}" if start + ENTRIES_A_PAGE < num_entries else "",
        readme=readme,
        can_change=shown.may_write and _is_branch(request, repo, revision),
    )


_NO_FILES: dict[str, Any] = {
    "folder": "",
    "entries": [],
    "commit": "",
    "num_entries": 0,
    "start": 0,
    "refs": ["main"],
    "newer": "",
    "older": "",
    "readme": None,
    "can_change": False,
}


def _readme(request: PageRequest, repo: Repo, commit: str, revision: str, folder: str):
    """A folder's own README, shown below its files; the one at the top has its own tab."""
    if not folder:
        return None
    _, found = request.hub.contents.paths(repo, commit, [f"{folder}/README.md"])
    if not found or found[0].is_directory or found[0].size > MAX_TEXT_BYTES:
        return None
    file = request.hub.contents.open(repo, commit, found[0].path)
    return rendered_card((file.data or b"").decode("utf-8", "replace"), place_at(repo, revision, folder))


def _revision(request: PageRequest) -> str:
    return request.segment("revision") if "revision" in request.path_params else "main"


def _path(request: PageRequest) -> str:
    return request.segment("path").strip("/") if "path" in request.path_params else ""


def _ref_names(request: PageRequest, repo: Repo) -> list[str]:
    refs: list[Ref] = list(request.hub.contents.refs(repo))
    branches = [ref.name.removeprefix("refs/heads/") for ref in refs if ref.name.startswith("refs/heads/")]
    tags = [ref.name.removeprefix("refs/tags/") for ref in refs if ref.name.startswith("refs/tags/")]
    return [*branches, *reversed(tags)][:200]


def _is_branch(request: PageRequest, repo: Repo, revision: str) -> bool:
    return any(ref.name == f"refs/heads/{revision}" for ref in request.hub.contents.refs(repo))


def blob(request: PageRequest) -> Response:
    shown = readable_repo_page(request)
    repo, revision, path = shown.repo, _revision(request), _path(request)
    commit, found = request.hub.contents.paths(repo, revision, [path], last_commits=True)
    if found and found[0].is_directory:
        return go_to(f"{shown.address}/tree/{segment_quote(revision)}/{path_quote(path)}")
    file = request.hub.contents.open(repo, commit, path)
    place = place_at(repo, revision, path.rpartition("/")[0])
    table = _table(request, repo, revision, path)
    view = view_file(file, reader(request, file), place, as_written=bool(request.query("plain")))
    return show(
        request,
        "file.html",
        tab="files",
        shown=shown,
        repo=repo,
        revision=revision,
        path=path,
        refs=_ref_names(request, repo),
        file=file,
        entry=found[0] if found else None,
        view=view,
        table=table,
        preview=preview_of(request.hub.viewer, repo, revision, table) if table else None,
        can_change=shown.may_write and _is_branch(request, repo, revision),
        can_edit=view.kind in ("text", "markdown", "table")
        and file.large is None
        and file.size <= MAX_TEXT_BYTES,
    )


def _table(request: PageRequest, repo: Repo, revision: str, path: str) -> Table | None:
    """The table that the file is, or is a part of."""
    if not is_table(path):
        return None
    try:
        return request.hub.viewer.find_table(repo, revision, path)
    except TableMissing:
        return None


def reader(request: PageRequest, file: OpenedFile) -> Read:
    """`Read` over a file, however it is kept."""

    def read(start: int, end: int) -> bytes:
        if file.large is not None:
            return request.hub.read_large_file(file.large, start, end)
        return (file.data or b"")[start:end]

    return read


def commits(request: PageRequest) -> Response:
    shown = readable_repo_page(request)
    revision, path = _revision(request), _path(request)
    number = request.number("p", 0, high=1_000_000)
    if shown.repo.head is None and revision == "main":
        entries: list[HistoryEntry] = []
        more = False
    else:
        entries, more = request.hub.contents.history(
            shown.repo, revision, path, skip=number * COMMITS_A_PAGE, limit=COMMITS_A_PAGE
        )
    here = f"{shown.address}/commits/{segment_quote(revision)}/{path_quote(path)}".rstrip("/")
    return show(
        request,
        "history.html",
        tab="history",
        shown=shown,
        repo=shown.repo,
        revision=revision,
        path=path,
        refs=_ref_names(request, shown.repo) if path else [],
        entries=entries,
        newer=f"{here}?p={number - 1}" if number else "",
        older=f"{here}?p={number + 1}" if more else "",
    )


def commit(request: PageRequest) -> Response:
    shown = readable_repo_page(request)
    entry, diff = request.hub.contents.change(shown.repo, request.segment("commit"))
    return show(
        request,
        "commit.html",
        tab="history",
        shown=shown,
        repo=shown.repo,
        entry=entry,
        diff=parse_diff(diff),
    )


routes: list[Route] = [
    *both("/tree/{revision}/{path:path}", tree),
    *both("/tree/{revision}", tree),
    *both("/tree", tree),
    *both("/blob/{revision}/{path:path}", blob),
    *both("/commits/{revision}/{path:path}", commits),
    *both("/commits/{revision}", commits),
    *both("/commit/{commit}", commit),
]
