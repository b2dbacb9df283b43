"""Files and trees on the wire: what HTTP and the public clients expect of every answer."""

from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from wingman.hub.accounts.service import seed
from wingman.hub.app import Hub, create_app, open_hub
from wingman.settings import load_settings

ALICE = {"Authorization": "Bearer alice-writes"}
DATA = "0123456789"
ODD_NAMES = ["a b.txt", "q?x.txt", "h#y.txt", "c:d.txt", "100%.txt", "per%2Fcent.txt", "dir/ü/+&=.txt"]


@pytest.fixture
def client(hub: Hub) -> TestClient:
    return serve(hub)


def serve(hub: Hub) -> TestClient:
    """A Hub with one repository of alice's, as she meets it."""
    seed(hub.store, {"users": [{"name": "alice", "tokens": [{"token": "alice-writes"}]}]})
    client = TestClient(create_app(hub), raise_server_exceptions=False, headers=ALICE, follow_redirects=False)
    files = [{"path": path, "content": DATA} for path in ["file.txt", *ODD_NAMES]]
    files.append({"path": "empty.txt", "content": ""})
    assert client.post("/api/repos/create", json={"name": "Model", "files": files}).status_code == 200
    return client


def resolve(name: str, revision: str = "main", repo: str = "alice/Model") -> str:
    return f"/{repo}/resolve/{quote(revision, safe='')}/{quote(name)}"


def etag_of(client: TestClient) -> str:
    return client.head(resolve("file.txt")).headers["ETag"]


def test_what_the_client_has_already_is_not_sent_again(client):
    etag = etag_of(client)

    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = client.get(resolve("file.txt"), headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag), known
    assert client.get(resolve("file.txt"), headers={"If-None-Match": '"other"'}).text == DATA


def test_a_download_goes_on_only_in_the_version_it_began_with(client):
    part = {"Range": "bytes=4-"}

    goes_on = client.get(resolve("file.txt"), headers={**part, "If-Range": etag_of(client)})
    begins_anew = client.get(resolve("file.txt"), headers={**part, "If-Range": '"of another version"'})

    assert (goes_on.status_code, goes_on.text) == (206, DATA[4:])
    assert (begins_anew.status_code, begins_anew.text) == (200, DATA)


def test_a_range_past_the_end_is_refused_with_the_size(client):
    answer = client.get(resolve("file.txt"), headers={"Range": "bytes=10-"})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_come_back_as_they_were_given(client, name):
    head, body = client.head(resolve(name)), client.get(resolve(name))

    assert (head.status_code, head.headers["Content-Length"], body.text) == (200, "10", DATA)
    assert len(head.headers["X-Repo-Commit"]) == 40
    asked = client.post("/api/models/alice/Model/paths-info/main", data={"paths": [name], "expand": "True"})
    assert [entry["path"] for entry in asked.json()] == [name]


def test_an_empty_file_is_a_file(client):
    head = client.head(resolve("empty.txt"))

    assert (head.status_code, head.headers["Content-Length"]) == (200, "0")
    assert client.get(resolve("empty.txt")).content == b""


@pytest.mark.parametrize("branch", ["feature/a", "refs/pr/1"])
def test_revisions_with_slashes_are_one_part_of_the_address(client, branch):
    if branch == "refs/pr/1":
        body = {"title": "t", "pullRequest": True}
        assert client.post("/api/models/alice/Model/discussions", json=body).status_code == 201
    else:
        assert client.post(f"/api/models/alice/Model/branch/{quote(branch, safe='')}").status_code == 201

    assert client.get(resolve("file.txt", branch)).text == DATA
    for below in ("revision", "tree", "commits"):
        assert client.get(f"/api/models/alice/Model/{below}/{quote(branch, safe='')}").status_code == 200


def test_pages_of_a_tree_lead_on_with_whole_addresses(client):
    paths, url = [], "/api/models/alice/Model/tree/main?recursive=True&limit=3"
    while url:
        answer = client.get(url)
        paths += [entry["path"] for entry in answer.json() if entry["type"] == "file"]
        link = answer.headers.get("Link")
        assert link is None or link.startswith(
            "<http://testserver/api/models/alice/Model/tree/main?recursive=True"
        )
        url = link and link[1 : link.index(">")]

    assert sorted(paths) == sorted([".gitattributes", "empty.txt", "file.txt", *ODD_NAMES])


@pytest.mark.parametrize(
    ("asked", "own"),
    [
        ("/api/models/ALICE/model", "/api/models/alice/Model"),
        ("/api/models/alice/model?expand=sha", "/api/models/alice/Model?expand=sha"),
        ("/api/models/Alice/Model/tree/a%2Fb/c%20d?limit=1", "/api/models/alice/Model/tree/a%2Fb/c%20d?limit=1"),
        ("/alice/model/resolve/main/a%20b.txt", "/alice/Model/resolve/main/a%20b.txt"),
        ("/alice/old/raw/main/file.txt", "/alice/Model/raw/main/file.txt"),
        ("/api/models/alice/old/refs", "/api/models/alice/Model/refs"),
    ],
)  # fmt: skip
def test_other_names_of_a_repository_lead_to_its_own(client, asked, own):
    for old, new in (("alice/Model", "alice/old"), ("alice/old", "alice/Model")):
        assert client.post("/api/repos/move", json={"fromRepo": old, "toRepo": new}).status_code == 200

    for method in ("HEAD", "GET"):
        answer = client.request(method, asked)
        assert (answer.status_code, answer.headers["Location"]) == (307, own)


def test_other_names_lead_on_below_the_path_of_a_public_address(tmp_path: Path):
    settings = load_settings({"home": tmp_path, "public_url": "https://example.org/hub"}, environ={})
    with closing(open_hub(settings)) as hub:
        answer = serve(hub).get("/api/models/ALICE/model")

    assert answer.headers["Location"] == "/hub/api/models/alice/Model"


def test_a_commit_to_another_spelling_works_where_it_arrives(client):
    body = '{"key": "header", "value": {"summary": "s"}}\n{"key": "file", "value": {"path": "n", "content": "x"}}'

    assert client.post("/api/models/ALICE/model/commit/main", content=body).status_code == 200
    assert client.get(resolve("n")).text == "x"


def test_other_spellings_of_a_hidden_repository_tell_nothing(client):
    assert client.put("/api/models/alice/Model/settings", json={"private": True}).status_code == 200

    answer = client.get("/api/models/ALICE/model", headers={"Authorization": ""})

    assert (answer.status_code, answer.headers["X-Error-Code"]) == (401, "RepoNotFound")
    assert "Location" not in answer.headers
