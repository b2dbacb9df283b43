"""What every page promises: nothing inline, nothing from elsewhere, and no word about what one may not see."""

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.web.attacks import CARDS, MESSAGES, NAMES
from tests.web.conftest import Browser, active_parts
from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.commits.model import AddFile, CommitRequest
from wingman.hub.repos.model import Repo, RepoKind

PAGES = [
    "/",
    "/models",
    "/datasets?q=x",
    "/spaces",
    "/search?q=model",
    "/flights",
    "/docs",
    "/docs/design",
    "/alice",
    "/alice/model",
    "/alice/model/tree/main",
    "/alice/model/blob/main/README.md",
    "/alice/model/blob/main/README.md?plain=1",
    "/alice/model/commits/main",
    "/alice/model/tags",
    "/alice/model/settings",
    "/alice/model/upload/main",
    "/alice/model/new/main",
    "/alice/model/edit/main/README.md",
    "/alice/model/move/main/README.md",
    "/alice/model/delete/main/README.md",
    "/datasets/alice/data",
    "/datasets/alice/data/fly",
    "/settings/profile",
    "/settings/tokens",
    "/new",
    "/nothing/here",
]


def test_every_page_is_strict_and_has_nothing_inline(as_alice: Browser, make_repo: Callable[..., Repo]):
    make_repo("model", {"README.md": "# Model\n\n$x$ `code`"})
    make_repo("data", {"README.md": "# Data"}, kind=RepoKind.DATASET)

    for path in PAGES:
        answer = as_alice.get(path)
        assert answer.status_code == (404 if path == "/nothing/here" else 200), path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert active_parts(answer.text) == [], path


def test_every_asset_that_a_page_names_is_there_and_kept_for_ever(visitor: Browser):
    names = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', visitor.get("/docs/design").text))
    assert len(names) >= 4

    for name in names:
        answer = visitor.client.get(name)
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["cache-control"], name


def test_assets_never_leave_their_folder(visitor: Browser):
    for name in ("../page.py", "..%2fpage.py", "css/../../page.py", "%2e%2e/page.py", "js/", "css/base.css"):
        assert visitor.client.get(f"/static/{name}").status_code == 404, name


def test_a_private_repository_and_a_missing_one_look_alike(
    visitor: Browser, as_bob: Browser, make_repo: Callable[..., Repo]
):
    make_repo("secret", {"README.md": "# Secret"}, private=True)

    for browser in (visitor, as_bob):
        for below in (
            "",
            "/tree/main",
            "/blob/main/README.md",
            "/commits/main",
            "/tags",
            "/settings",
            "/upload/main",
        ):
            hidden = browser.get(f"/alice/secret{below}")
            missing = browser.get(f"/alice/nosuch{below}")
            assert hidden.status_code == missing.status_code == 404
            assert hidden.text.replace("secret", "nosuch") == missing.text


def test_a_private_repository_is_in_no_list_of_others(
    as_bob: Browser, as_alice: Browser, make_repo: Callable[..., Repo]
):
    make_repo("secret-plan", {"README.md": "---\nlicense: mit\n---\n# Treasure map"}, private=True)

    for path in (
        "/",
        "/models",
        "/models?q=treasure",
        "/search?q=treasure",
        "/search/jump.json?q=secret",
        "/alice",
    ):
        assert "secret-plan" not in as_bob.get(path).text, path
    assert "secret-plan" in as_alice.get("/models?q=treasure").text


def test_who_may_read_but_not_change_is_told_so(as_bob: Browser, make_repo: Callable[..., Repo]):
    make_repo("model", {"README.md": "# Model"})

    answer = as_bob.get("/alice/model/settings")

    assert answer.status_code == 403
    assert "write access" in answer.text


def test_hostile_cards_names_and_messages_do_nothing(
    hub: Hub, alice: Caller, as_alice: Browser, make_repo: Callable[..., Repo]
):
    repo = make_repo("hostile", {"README.md": "\n\n".join(CARDS)})
    for name, message in zip(NAMES, MESSAGES * 2, strict=False):
        file = AddFile(f"files/{name.replace('/', '-')}", b"<script>alert(1)</script>")
        hub.commits.commit(
            alice, repo, "main", CommitRequest(summary=message, description=message, operations=(file,))
        )

    pages = [
        "/alice/hostile",
        "/alice/hostile/tree/main",
        "/alice/hostile/tree/main/files",
        "/alice/hostile/commits/main",
        "/",
        "/models",
    ]
    _, entries = hub.contents.tree(repo, "main", "files")
    pages += [f"/alice/hostile/blob/main/{quote(entry.path)}" for entry in entries]
    pages += [f"/alice/hostile/commit/{entry.oid}" for entry in hub.contents.history(repo, "main")[0]]
    for path in pages:
        answer = as_alice.get(path)
        assert answer.status_code == 200, path
        assert active_parts(answer.text) == [], path
        assert "49.txt" not in answer.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>alert(document.cookie)</script>"),
        ("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("page.xhtml", b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"),
        ("text.txt", b"<script>alert(1)</script>"),
    ],
)
def test_raw_files_of_users_are_sandboxed(
    as_alice: Browser, make_repo: Callable[..., Repo], name: str, content: bytes
):
    make_repo("raw", {name: content})

    for way in ("resolve", "raw"):
        answer = as_alice.get(f"/alice/raw/{way}/main/{name}")
        assert answer.content == content
        policy = answer.headers["content-security-policy"]
        assert "sandbox" in policy
        assert "allow-scripts" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_crash_is_told_without_details(hub: Hub, visitor: Browser, monkeypatch: pytest.MonkeyPatch):
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(hub.repos, "page", broken)
    visitor.client._transport.raise_server_exceptions = False  # type: ignore[attr-defined]

    answer = visitor.get("/models")

    assert answer.status_code == 500
    assert "our fault" in answer.text
    assert "secret inside" not in answer.text
