"""A repository's first page: its card, what was measured, how to use it; and what its tags were worth."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from wingman.hub.access.model import Permission, may, visibility
from wingman.hub.errors import HubError
from wingman.hub.git.revisions import EntryMissing, RevisionMissing
from wingman.hub.git.store import Ref
from wingman.hub.repos.card import InvalidCard, parse_front_matter
from wingman.hub.repos.model import Repo, RepoGated, RepoKind
from wingman.hub.repos.store import RepoFilter
from wingman.hub.web.charts import scale_over
from wingman.hub.web.counted import Counted
from wingman.hub.web.markdown import Place, RenderedCard
from wingman.hub.web.page import PageRequest, async_page, go_to, page, show
from wingman.hub.web.previews import preview_of
from wingman.hub.web.results import Result, parse_results
from wingman.hub.web.snippets import example_input, snippets_for
from wingman.hub.web.tag_links import TagLink, tag_links
from wingman.hub.web.templating import path_quote, segment_quote
from wingman.hub.web.viewing import MAX_TEXT_BYTES, rendered_card

PLAIN, PREFIXED = "/{namespace}/{name}", "/{kind:web_kind}/{namespace}/{name}"
_MAX_COMPARED_TAGS = 20
MAX_PLOTS = 12
MAX_MADE_FROM = 8
HEADER_PATIENCE_S = 0.1
_parameters: Counted[Mapping[str, int]] = Counted(size=4096, fresh_s=inf)
"""By the content of the weights, which never changes."""
_TRY_TASKS = ("text-classification",)


@dataclass(frozen=True, slots=True)
class RepoPage:
    """What the head of every page of a repository shows."""

    repo: Repo
    may_write: bool
    may_configure: bool
    has_liked: bool
    num_tags: int
    is_readable: bool
    """False where the owner has to consent first."""

    @property
    def tags(self) -> list[TagLink]:
        return tag_links(self.repo)

    @property
    def address(self) -> str:
        return f"/{path_quote(self.repo.path)}"


def repo_page(request: PageRequest, permission: Permission = Permission.REPO_CONTENT_READ) -> RepoPage:
    """The repository that the path names, as far as this caller may see it. Raises `RepoMissing`, `Forbidden`."""
    kind, full_name = repo_named_in(request)
    repo = request.hub.repos.find_for(request.caller, permission, kind, full_name)
    try:
        request.hub.repos.require_content(request.caller, repo)
        is_readable = True
    except RepoGated:
        is_readable = False
    refs = request.hub.contents.refs(repo)
    return RepoPage(
        repo=repo,
        may_write=may(request.caller, Permission.REPO_CONTENT_WRITE, repo),
        may_configure=may(request.caller, Permission.REPO_SETTINGS_WRITE, repo),
        has_liked=request.hub.social.has_liked(request.caller, repo),
        num_tags=sum(ref.name.startswith("refs/tags/") for ref in refs),
        is_readable=is_readable,
    )


def repo_named_in(request: PageRequest) -> tuple[RepoKind, str]:
    """The kind and full name of the repository that the path names, whether there is one or not."""
    name = request.segment("name").removesuffix(".git")
    return request.path_params.get("kind", RepoKind.MODEL), f"{request.segment('namespace')}/{name}"


def readable_repo_page(
    request: PageRequest, permission: Permission = Permission.REPO_CONTENT_READ
) -> RepoPage:
    """The same for pages that show content. Raises `RepoGated` too."""
    shown = repo_page(request, permission)
    request.hub.repos.require_content(request.caller, shown.repo)
    return shown


def place_at(repo: Repo, revision: str, folder: str = "") -> Place:
    address, revision = f"/{path_quote(repo.path)}", segment_quote(revision)
    return Place(files_at=f"{address}/blob/{revision}", raw_at=f"{address}/resolve/{revision}", folder=folder)


def overview(request: PageRequest) -> Response:
    shown = repo_page(request)
    asked = f"{request.segment('namespace')}/{request.segment('name')}"
    if shown.repo.full_name != asked:  # moved, or written otherwise
        return go_to(shown.address)
    return show(request, "repo.html", tab="card", **overview_values(request, shown))


def overview_values(request: PageRequest, shown: RepoPage, **more: Any) -> dict[str, Any]:
    repo = shown.repo
    is_asked = repo.kind is RepoKind.MODEL and repo.facts.pipeline_tag in _TRY_TASKS and shown.is_readable
    card = card_of(request, repo) if shown.is_readable else None
    tables = request.hub.viewer.list_tables(repo) if repo.kind is RepoKind.DATASET and shown.is_readable else []
    plots = _plots(request, repo) if shown.is_readable and repo.kind is RepoKind.MODEL else []
    return {
        "shown": shown,
        "repo": repo,
        "card": card,
        "results": parse_results(repo.facts.card),
        "made_from_it": made_from(request, repo),
        "parameters": parameters_of(request, repo) if shown.is_readable else {},
        "plots": [path for path in plots if card is None or f"/{path}" not in card.html],
        "snippets": snippets_for(repo, request.base),
        "can_be_asked": is_asked,
        "example": example_input(repo.facts.pipeline_tag),
        "asked": "",
        "answer": None,
        "problem": "",
        "tables": tables,
        "preview": preview_of(request.hub.viewer, repo, "main", tables[0]) if tables else None,
        **more,
    }


def card_of(request: PageRequest, repo: Repo) -> RenderedCard | None:
    """The rendered README at the head of main; None where there is none."""
    if repo.head is None:
        return None
    try:
        file = request.hub.contents.open(repo, repo.head, "README.md")
    except (EntryMissing, RevisionMissing):
        return None
    data = file.data if file.data is not None else b""
    text = data[: 2 * MAX_TEXT_BYTES].decode("utf-8", "replace")
    return rendered_card(text, place_at(repo, "main")) if text.strip() else None


def parameters_of(request: PageRequest, repo: Repo) -> Mapping[str, int]:
    """How many parameters of each type a model's weights have; {} where no safetensors file says so.

    The headers of large files may lie far away: they are read once, and a page waits for them only so long.
    """
    head, hub = repo.head, request.hub
    if head is None or repo.kind is not RepoKind.MODEL:
        return {}

    def count() -> Mapping[str, int]:
        try:
            return hub.weights.count(repo, head)
        except HubError:  # weights that cannot be read do not keep their card from being read
            return {}

    return _parameters.get((id(hub), repo.id, head), count, patience_s=HEADER_PATIENCE_S) or {}


def made_from(request: PageRequest, repo: Repo) -> list[Repo]:
    """The models that this caller may see whose cards name the repository as their data or base; newest first."""
    tag = {RepoKind.DATASET: "dataset", RepoKind.MODEL: "base_model"}.get(repo.kind)
    if tag is None:
        return []
    wanted = RepoFilter(
        kind=RepoKind.MODEL,
        visible_to=visibility(request.caller),
        tags=(f"{tag}:{repo.full_name}",),
        sort="lastModified",
        limit=MAX_MADE_FROM,
    )
    return list(request.hub.repos.page(wanted))


def _plots(request: PageRequest, repo: Repo) -> list[str]:
    """The plots that an evaluation left behind."""
    if repo.head is None:
        return []
    try:
        _, entries = request.hub.contents.tree(repo, repo.head, "evaluation")
    except (EntryMissing, RevisionMissing):
        return []
    return [entry.path for entry in entries if entry.path.endswith(".svg")][:MAX_PLOTS]


async def ask(request: PageRequest) -> Response:
    """The try-it box without scripts: the answer comes with the page."""
    shown = await run_in_threadpool(readable_repo_page, request)
    text = request.field("inputs")
    commit = await run_in_threadpool(request.hub.contents.resolve, shown.repo, "main")
    body = json.dumps({"inputs": text, "parameters": {"top_k": 10}}).encode()
    said = await request.hub.inference.ask(shown.repo, commit, request.caller, request.local_base, body)
    answer, problem = _parse_answer(said.status, bytes(said.body))
    more = {"asked": text, "answer": answer, "problem": problem}
    return await run_in_threadpool(
        lambda: show(request, "repo.html", tab="card", **overview_values(request, shown, **more))
    )


def _parse_answer(status: int, body: bytes) -> tuple[list[dict[str, Any]] | None, str]:
    try:
        said = json.loads(body)
    except ValueError:
        return None, "The model answered with something that is not JSON."
    if status != 200:
        message = said.get("error") if isinstance(said, dict) else None
        return None, str(message or f"The model answered with status {status}.")
    rows = said[0] if said and isinstance(said[0], list) else said
    return [row for row in rows if isinstance(row, dict) and "label" in row and "score" in row], ""


def tags(request: PageRequest) -> Response:
    """Branches, and tags with what each was measured at."""
    shown = readable_repo_page(request)
    refs = request.hub.contents.refs(shown.repo)
    names = [ref for ref in refs if ref.name.startswith("refs/tags/")]
    newest = sorted(names, key=_natural, reverse=True)
    results = {ref.name: _results_at(request, shown.repo, ref) for ref in newest[:_MAX_COMPARED_TAGS]}
    metrics = list(dict.fromkeys(result.metric for found in results.values() for result in found))[:8]
    table = [
        (
            ref.name.removeprefix("refs/tags/"),
            ref.commit,
            [
                next((result for result in results.get(ref.name, ()) if result.metric == metric), None)
                for metric in metrics
            ],
        )
        for ref in newest
    ]
    branches = [
        (ref.name.removeprefix("refs/heads/"), ref.commit)
        for ref in refs
        if ref.name.startswith("refs/heads/")
    ]
    return show(
        request,
        "tags.html",
        tab="tags",
        shown=shown,
        repo=shown.repo,
        tags=table,
        metrics=metrics,
        scale=scale_over(
            [
                end
                for _, _, values in table
                if values and values[0] and values[0].low is not None and values[0].high is not None
                for end in (values[0].low, values[0].high)
            ]
        ),
        branches=branches,
    )


def _natural(ref: Ref) -> list[tuple[int, int | str]]:
    """v10 comes after v9."""
    digits = ""
    parts: list[tuple[int, int | str]] = []
    for char in ref.name + "\0":
        if char.isascii() and char.isdigit():
            digits += char
        else:
            if digits:
                parts.append((0, int(digits)))
                digits = ""
            parts.append((1, char))
    return parts


def _results_at(request: PageRequest, repo: Repo, ref: Ref) -> list[Result]:
    try:
        file = request.hub.contents.open(repo, ref.commit, "README.md")
        return parse_results(parse_front_matter((file.data or b"").decode("utf-8", "replace")))
    except (EntryMissing, RevisionMissing, InvalidCard):
        return []


def like(request: PageRequest) -> Response:
    shown = repo_page(request)
    social = request.hub.social
    (social.unlike if shown.has_liked else social.like)(request.caller, shown.repo)
    return go_to(shown.address)


def both(path: str, endpoint: Any, *methods: str, **options: Any) -> list[Route]:
    """A page below every repository: datasets and Spaces have a prefix, models have none."""
    return [page(start + path, endpoint, *methods, **options) for start in (PREFIXED, PLAIN)]


routes: list[Route] = [
    *both("/tags", tags),
    *both("/like", like, "POST"),
    async_page(f"{PLAIN}/try", ask, "POST"),
    *both("", overview),
]
