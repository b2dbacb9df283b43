"""Changing files in the browser, without scripts: each change is a commit, made only by those who may and meant it."""

import asyncio

import pytest

from tests.web.attacks import CARDS
from tests.web.conftest import active_parts, token_in
from wingman.hub.commits.model import AddFile, CommitRequest

REPO = "/alice/thing"


@pytest.fixture
def repo(make_repo):
    return make_repo("thing", {"notes.txt": "first\n", "folder/deep.txt": "deep\n"})


def content(hub, repo, path: str) -> bytes | None:
    file = hub.contents.open(repo, "main", path)
    return file.data if file.large is None else hub.read_large_file(file.large, 0, file.size)


def paths(hub, repo) -> set[str]:
    return {
        entry.path for entry in hub.contents.tree(repo, "main", recursive=True)[1] if not entry.is_directory
    }


def parent_in(html: str) -> str:
    return html.partition('name="parent" value="')[2].partition('"')[0]


def upload(browser, files: list[tuple[str, bytes]], **fields: str):
    csrf = token_in(browser.get(f"{REPO}/upload/main").text)
    sent = [("files", (name, data)) for name, data in files]
    return browser.client.post(
        f"{REPO}/upload/main",
        data={"csrf": csrf, "folder": "", **fields},
        files=sent,
        headers={"accept": "text/html"},
        follow_redirects=False,
    )


def test_uploaded_files_arrive_together_in_one_commit(hub, repo, as_alice):
    answer = upload(as_alice, [("a.txt", b"one"), ("sub/b.txt", b"two")], folder="new", summary="Two files")

    assert answer.status_code == 303
    assert content(hub, repo, "new/a.txt") == b"one"
    assert content(hub, repo, "new/sub/b.txt") == b"two"
    assert hub.contents.history(repo, "main", limit=1)[0][0].title == "Two files"


def test_a_large_upload_becomes_a_large_file(hub, repo, as_alice):
    data = bytes(range(256)) * 60_000

    upload(as_alice, [("weights.bin", data)])

    assert hub.contents.open(repo, "main", "weights.bin").large is not None
    assert content(hub, repo, "weights.bin") == data


@pytest.mark.parametrize("name", ["../out.txt", ".git/config", "a//b", "/etc/passwd/../x", "a\x00b"])
def test_uploads_stay_inside_the_repository(hub, repo, as_alice, name):
    before = paths(hub, repo)

    answer = upload(as_alice, [(name, b"x")])

    added = paths(hub, repo) - before
    assert answer.status_code in (303, 400, 422)
    assert all(
        not path.startswith(("/", "..")) and ".git/" not in path and "\0" not in path for path in added
    )


@pytest.mark.parametrize("who", ["visitor", "as_bob"])
def test_an_upload_of_somebody_who_may_not_is_not_taken_in(repo, who, request):
    """It may be of any size: a stranger could fill the disk with it."""
    client, taken, statuses = request.getfixturevalue(who).client, 0, []
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
    headers = {"host": "hub.test", "content-type": "multipart/form-data; boundary=x", "cookie": cookies}
    path = f"{REPO}/upload/main"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"--x\r\n", "more_body": taken < 100}

    async def send(message: dict) -> None:
        statuses.append(message.get("status"))

    asyncio.run(client.app(scope, receive, send))

    assert statuses[0] in (303, 403)
    assert taken == 0


def test_an_upload_needs_the_sessions_token(hub, repo, as_alice):
    answer = upload(as_alice, [("a.txt", b"x")], csrf="another")

    assert answer.status_code == 403
    assert "a.txt" not in paths(hub, repo)


def test_a_text_is_changed_in_the_browser(hub, repo, as_alice):
    form = as_alice.get(f"{REPO}/edit/main/notes.txt").text
    fields = {"parent": parent_in(form), "text": "second\r\nline\r\n", "summary": "Say more"}

    answer = as_alice.submit(f"{REPO}/edit/main/notes.txt", f"{REPO}/edit/main/notes.txt", fields)

    assert answer.headers["location"] == f"{REPO}/blob/main/notes.txt"
    assert content(hub, repo, "notes.txt") == b"second\nline\n"


@pytest.mark.parametrize(
    ("action", "fields"),
    [("edit", {"text": "mine\n"}), ("move", {"to": "moved.txt"}), ("delete", {})],
)
def test_a_change_of_an_old_state_is_refused(hub, alice, repo, as_alice, action, fields):
    address = f"{REPO}/{action}/main/notes.txt"
    parent = parent_in(as_alice.get(address).text)
    meanwhile = CommitRequest(summary="Meanwhile", operations=(AddFile("notes.txt", b"theirs\n"),))
    hub.commits.commit(alice, repo, "main", meanwhile)

    answer = as_alice.submit(address, address, {**fields, "parent": parent})

    assert answer.status_code in (409, 412)
    assert "updated since you opened this page" in answer.text
    assert content(hub, repo, "notes.txt") == b"theirs\n"


def test_what_was_typed_is_not_lost_when_it_is_refused(hub, alice, repo, as_alice):
    address = f"{REPO}/edit/main/notes.txt"
    parent = parent_in(as_alice.get(address).text)
    hub.commits.commit(alice, repo, "main", CommitRequest(summary="M", operations=(AddFile("x", b"x"),)))

    answer = as_alice.submit(address, address, {"text": "an hour of work", "parent": parent})

    assert "an hour of work" in answer.text


def test_files_are_renamed_and_deleted(hub, repo, as_alice):
    as_alice.submit(f"{REPO}/move/main/notes.txt", f"{REPO}/move/main/notes.txt", {"to": "kept/notes.md"})
    as_alice.submit(f"{REPO}/delete/main/folder%2Fdeep.txt", f"{REPO}/delete/main/folder/deep.txt", {})

    assert paths(hub, repo) == {".gitattributes", "kept/notes.md"}
    assert content(hub, repo, "kept/notes.md") == b"first\n"


def test_a_new_file_does_not_replace_one(hub, repo, as_alice):
    answer = as_alice.submit(f"{REPO}/new/main", f"{REPO}/new/main", {"path": "notes.txt", "text": "x"})

    assert answer.status_code == 409
    assert content(hub, repo, "notes.txt") == b"first\n"


@pytest.mark.parametrize("action", ["edit", "move", "delete"])
def test_without_the_sessions_token_nothing_changes(hub, repo, as_alice, action):
    answer = as_alice.post(f"{REPO}/{action}/main/notes.txt", {"csrf": "guess", "text": "x", "to": "y"})

    assert answer.status_code == 403
    assert content(hub, repo, "notes.txt") == b"first\n"


@pytest.mark.parametrize(
    "page", ["upload/main", "new/main", "edit/main/notes.txt", "move/main/notes.txt", "delete/main/notes.txt"]
)
def test_others_may_not_change_anything(repo, as_bob, visitor, page):
    assert as_bob.get(f"{REPO}/{page}").status_code in (403, 404)
    assert visitor.get(f"{REPO}/{page}").status_code in (303, 401, 403, 404)
    assert as_bob.post(
        f"{REPO}/{page}", {"csrf": token_in(as_bob.get("/").text), "text": "x", "to": "y"}
    ).status_code in (403, 404)


def test_text_in_the_editor_does_nothing(make_repo, as_alice):
    make_repo("thing", {"a.html": "\n".join(["</textarea>", *CARDS]).replace("\0", "")})

    page = as_alice.get(f"{REPO}/edit/main/a.html").text

    assert active_parts(page) == []
    assert page.count("</textarea>") == 1
