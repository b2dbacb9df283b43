"""The pages in this process: a Hub on a folder of the test's own, and browsers without scripts that look at it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from tests.new_hubs import open_new_hub
from wingman.hub.access.model import Caller
from wingman.hub.app import Hub, create_app
from wingman.hub.commits.model import AddFile, CommitRequest
from wingman.hub.http.requests import SESSION_COOKIE
from wingman.hub.repos.model import Repo, RepoKind

PASSWORD = "correct horse battery staple"
BASE = "http://hub.test"


@dataclass
class Browser:
    """A person with a browser that runs no scripts. Forms are sent with the token of the page they stand on."""

    client: TestClient

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers={"accept": "text/html", **headers}, follow_redirects=False)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        return self.client.post(
            path, data=fields, headers={"accept": "text/html", **headers}, follow_redirects=False
        )

    def submit(self, page: str, action: str, fields: dict[str, str]) -> httpx.Response:
        """Fill in a form of `page` and send it to `action`."""
        return self.post(action, {"csrf": token_in(self.get(page).text), **fields})

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return self.post("/login", {"name": name, "password": password, "next": "/"})


def token_in(html: str) -> str:
    found = re.search(r'<meta name="csrf" content="([^"]+)"', html)
    assert found, "the page has no form token: nobody is signed in"
    return found[1]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    opened = open_new_hub(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def patient_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine counting a few repositories may take longer than a list waits for."""
    monkeypatch.setattr("wingman.hub.web.find_pages.COUNT_PATIENCE_S", 30.0)


@pytest.fixture
def new_browser(hub: Hub) -> Callable[[], Browser]:
    """The application's own start and end are left out: pages need neither workers nor watchers."""
    app = create_app(hub)
    return lambda: Browser(TestClient(app, base_url=BASE, raise_server_exceptions=True))


@pytest.fixture
def visitor(new_browser: Callable[[], Browser]) -> Browser:
    return new_browser()


@pytest.fixture
def alice(hub: Hub) -> Caller:
    """Somebody with a page open and no password yet: hashing one takes longer than most of these tests."""
    return Caller(user=hub.accounts.create_user("alice"))


@pytest.fixture
def bob(hub: Hub) -> Caller:
    return Caller(user=hub.accounts.create_user("bob"))


@pytest.fixture
def as_alice(hub: Hub, alice: Caller, new_browser: Callable[[], Browser]) -> Browser:
    return _signed_in(hub, alice, new_browser())


@pytest.fixture
def as_bob(hub: Hub, bob: Caller, new_browser: Callable[[], Browser]) -> Browser:
    return _signed_in(hub, bob, new_browser())


def _signed_in(hub: Hub, caller: Caller, browser: Browser) -> Browser:
    assert caller.user is not None
    browser.client.cookies.set(SESSION_COOKIE, hub.accounts.open_session(caller.user.id), domain="hub.test")
    return browser


@pytest.fixture
def make_repo(hub: Hub, alice: Caller) -> Callable[..., Repo]:
    """`make_repo("name", {"README.md": "…"})`: a repository of alice's with these files."""

    def make(
        name: str,
        files: dict[str, str | bytes] | None = None,
        *,
        kind: RepoKind = RepoKind.MODEL,
        private: bool = False,
    ) -> Repo:
        sdk = "static" if kind is RepoKind.SPACE else None
        repo = hub.repos.create(alice, kind=kind, name=name, private=private, sdk=sdk)
        if files:
            add = tuple(
                AddFile(path, data.encode() if isinstance(data, str) else data)
                for path, data in files.items()
            )
            hub.commits.commit(alice, repo, "main", CommitRequest(summary="Add files", operations=add))
        return hub.repos.find(alice, kind, repo.full_name)

    return make


class ActiveParts(HTMLParser):
    """Everything in a page that a browser would run or load, and that our policy or our templates must not let in."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("iframe", "object", "embed", "base", "applet", "style", "frame"):
            self.found.append(f"<{tag}>")
        if tag == "script" and not (values.get("src") or "").startswith("/static/"):
            self.found.append(f"<script {attrs}>")
        for name, value in attrs:
            text = re.sub(r"[\s\x00-\x1f]", "", value or "").lower()
            if name.startswith("on") or name == "style" or name == "srcdoc":
                self.found.append(f"<{tag} {name}>")
            if name in ("href", "src", "action", "formaction", "xlink:href") and text.startswith(
                ("javascript:", "data:", "vbscript:")
            ):
                self.found.append(f"<{tag} {name}={text[:40]}>")
            if name == "src" and text.startswith(("http:", "https:", "//")):
                self.found.append(f"<{tag} src elsewhere: {text[:60]}>")


def active_parts(html: str) -> list[str]:
    parser = ActiveParts()
    parser.feed(html)
    return parser.found
