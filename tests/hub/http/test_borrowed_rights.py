"""Links, sessions and tokens in the wrong hands, at the wrong place or too late."""

import asyncio
import hashlib

import pytest
from starlette.testclient import TestClient

from wingman.hub.accounts.model import TokenRole
from wingman.hub.accounts.service import seed
from wingman.hub.app import Hub, create_app
from wingman.hub.database import now
from wingman.hub.http.requests import SESSION_COOKIE

DATA = b"large enough to be kept apart" * 100
SHA256 = hashlib.sha256(DATA).hexdigest()
LFS = "/alice/{}/info/lfs/objects"
ALICE = {"Authorization": "Bearer alice-writes"}
BOB = {"Authorization": "Bearer bob-writes"}


@pytest.fixture
def client(hub: Hub) -> TestClient:
    users = [{"name": name, "tokens": [{"token": f"{name}-writes"}]} for name in ("alice", "bob")]
    seed(hub.store, {"users": users})
    client = TestClient(create_app(hub), raise_server_exceptions=False)
    create(client, "m", private=True)
    return client


def create(client: TestClient, name: str, **more: object) -> None:
    assert client.post("/api/repos/create", json={"name": name, **more}, headers=ALICE).status_code == 200


def links(client: TestClient, operation: str, repo: str = "m") -> dict[str, str]:
    body = {"operation": operation, "objects": [{"oid": SHA256, "size": len(DATA)}], "transfers": ["basic"]}
    answer = client.post(f"{LFS.format(repo)}/batch", json=body, headers=ALICE)
    actions = answer.json()["objects"][0].get("actions", {})
    return {name: action["href"].removeprefix("http://testserver") for name, action in actions.items()}


def uploaded(client: TestClient) -> dict[str, str]:
    there = links(client, "upload")
    assert client.put(there["upload"], content=DATA).status_code == 200
    return there


def test_a_signed_link_opens_one_thing_alone(client):
    up, down = uploaded(client), None
    down = links(client, "download")["download"]
    assert client.get(down).content == DATA
    signature = down.partition("signature=")[2]

    other = f"{LFS.format('m')}/{'0' * 64}?signature={signature}"
    assert client.get(other).status_code == 403
    assert client.put(down, content=DATA).status_code == 403, "a download is no upload"
    assert client.get(up["upload"]).status_code == 403, "an upload is no download"
    assert client.get(f"/xet/data?signature={signature}").status_code == 403
    body, _, mac = signature.partition(".")
    for forged in (f"{body}x.{mac}", f"{body}.{mac[:-2]}", f".{mac}", body, "é", f"{body}.{mac}.{mac}", ""):
        answer = client.get(f"{LFS.format('m')}/{SHA256}", params={"signature": forged})
        assert answer.status_code in (401, 403, 404), forged


def test_links_die_with_their_repository_and_never_open_the_next_of_its_name(client):
    up = uploaded(client)
    down = links(client, "download")["download"]
    gone = {"name": "m"}
    assert client.request("DELETE", "/api/repos/delete", json=gone, headers=ALICE).status_code == 200
    create(client, "m", private=True)

    assert client.get(down).status_code == 404
    assert client.put(up["upload"], content=DATA).status_code == 404
    assert client.get(f"{LFS.format('m')}/{SHA256}", headers=ALICE).status_code == 404


def test_bytes_that_are_here_already_must_be_shown_again(client):
    """Knowing the hash of somebody's file is not having it."""
    uploaded(client)
    assert client.post("/api/repos/create", json={"name": "mine"}, headers=BOB).status_code == 200
    line = (
        '{"key":"header","value":{"summary":"s"}}\n'
        + f'{{"key":"lfsFile","value":{{"path":"x","oid":"{SHA256}"}}}}'
    )
    assert client.post("/api/models/bob/mine/commit/main", content=line, headers=BOB).status_code >= 400
    assert client.get(f"/bob/mine/info/lfs/objects/{SHA256}", headers=BOB).status_code == 404
    asked = {"target": {"type": "model", "name": "bob/mine"}, "files": [{"sha256": SHA256}]}
    assert client.post("/api/models/alice/m/lfs-files/duplicate", json=asked, headers=BOB).status_code == 404


def test_a_xet_token_of_a_deleted_repository_reads_nothing(client):
    token = client.get("/api/models/alice/m/xet-read-token/main", headers=ALICE).json()
    client.request("DELETE", "/api/repos/delete", json={"name": "m"}, headers=ALICE)
    cas = token["casUrl"].removeprefix("http://testserver")
    bearer = {"Authorization": f"Bearer {token['accessToken']}"}

    assert client.get(f"{cas}/v1/reconstructions/{'0' * 64}", headers=bearer).status_code == 404
    assert client.post(f"{cas}/v1/xorbs/default/{'0' * 64}", content=b"", headers=bearer).status_code == 403
    assert client.get("/api/whoami-v2", headers=bearer).status_code == 401, "it is no access token"


@pytest.mark.parametrize("door", ["token", "batch"])
def test_offering_a_file_to_a_gated_repository_is_not_reading_it(hub: Hub, client: TestClient, door):
    """The hashes are in the list of files, which everybody sees."""
    create(client, "gated")
    assert client.put(links(client, "upload", "gated")["upload"], content=DATA).status_code == 200
    hub.ingestor.run_pending()
    line = f'{{"key":"header","value":{{"summary":"s"}}}}\n{{"key":"lfsFile","value":{{"path":"x","oid":"{SHA256}"}}}}'
    assert client.post("/api/models/alice/gated/commit/main", content=line, headers=ALICE).status_code == 200
    gate = {"gated": "manual"}
    assert client.put("/api/models/alice/gated/settings", json=gate, headers=ALICE).status_code == 200
    entries = client.get("/api/models/alice/gated/tree/main").json()
    (xet_hash,) = (entry["xetHash"] for entry in entries if entry["path"] == "x")

    def rebuilt(headers: dict[str, str]) -> int:
        if door == "token":
            address = "/api/models/alice/gated/xet-write-token/main?create_pr=1"
            given = client.get(address, headers=headers).headers
        else:
            asked = {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 1}], "transfers": ["xet"]}
            answer = client.post(f"{LFS.format('gated')}/batch", json=asked, headers=headers).json()
            given = answer["objects"][0]["actions"]["upload"]["header"]
        cas = given["X-Xet-Cas-Url"].removeprefix("http://testserver")
        bearer = {"Authorization": f"Bearer {given['X-Xet-Access-Token']}"}
        return client.get(f"{cas}/v1/reconstructions/{xet_hash}", headers=bearer).status_code

    assert rebuilt(BOB) == 403
    assert rebuilt(ALICE) == 200


def test_what_a_gate_hides_is_not_built_on_by_push_either(client: TestClient):
    """A pack may be a difference to objects that are here: whoever guessed them right would learn that."""
    create(client, "gated")
    refs = "/alice/gated.git/info/refs?service=git-receive-pack"
    offer = {"title": "An offer", "pullRequest": True}
    assert client.post("/api/models/alice/gated/discussions", json=offer, headers=BOB).status_code == 201
    assert client.get(refs, headers=BOB).status_code == 200

    gate = {"gated": "manual"}
    assert client.put("/api/models/alice/gated/settings", json=gate, headers=ALICE).status_code == 200

    assert client.get(refs, headers=BOB).status_code == 403
    assert client.get(refs, headers=ALICE).status_code == 200


def test_tokens_end(hub: Hub, client: TestClient):
    alice = hub.accounts.find("alice")
    old, _ = hub.accounts.create_token(alice.id, name="old", role=TokenRole.WRITE, expires_at=now())
    secret, token = hub.accounts.create_token(alice.id, name="short", role=TokenRole.WRITE)
    bearer = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/whoami-v2", headers=bearer).status_code == 200
    hub.accounts.revoke_token(alice.id, token.id)

    for ended in (old, secret):
        assert (
            client.get("/api/models/alice/m", headers={"Authorization": f"Bearer {ended}"}).status_code == 401
        )


STATE_CHANGING_PAGES = [
    ("/settings/profile", {"full_name": "Mallory"}),
    ("/settings/tokens", {"name": "stolen", "role": "write", "days": ""}),
    ("/settings/tokens/revoke", {"id": "1"}),
    ("/settings/password", {"current": "x", "password": "stolen it", "again": "stolen it"}),
    ("/new", {"kind": "model", "name": "forged"}),
    ("/alice/m/settings", {"action": "delete", "confirm": "alice/m"}),
    ("/alice/m/like", {}),
    ("/alice/m/new/main", {"path": "x", "text": "y"}),
    ("/alice/m/upload/main", {}),
    ("/logout", {}),
]


@pytest.mark.parametrize(("path", "form"), STATE_CHANGING_PAGES)
@pytest.mark.parametrize("token", [None, "", "forged", "of another session"])
def test_a_form_that_another_site_sent_changes_nothing(hub: Hub, client: TestClient, path, form, token):
    accounts = hub.accounts
    secret = accounts.open_session(accounts.find("alice").id)
    if token == "of another session":
        other = accounts.caller_for_session(accounts.open_session(accounts.find("bob").id))
        token = other.csrf
    sent = form if token is None else {**form, "csrf": token}
    answer = client.post(
        path, data=sent, headers={"Cookie": f"{SESSION_COOKIE}={secret}"}, follow_redirects=False
    )

    assert answer.status_code == 403, answer.text[:200]
    assert accounts.caller_for_session(secret) is not None
    api = client.post(
        "/api/repos/create", json={"name": "f"}, headers={"Cookie": f"{SESSION_COOKIE}={secret}"}
    )
    assert api.status_code == 401


def test_a_session_that_a_stranger_planted_is_not_the_one_that_begins(hub: Hub, client: TestClient):
    hub.accounts.set_password(hub.accounts.find("alice").id, "correct horse")
    form = {"name": "alice", "password": "correct horse"}
    planted = {"Cookie": f"{SESSION_COOKIE}=planted"}
    answer = client.post("/login", data=form, headers=planted, follow_redirects=False)
    cookie = answer.headers["set-cookie"]

    assert "planted" not in cookie
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    assert hub.accounts.caller_for_session("planted") is None
    elsewhere = {"Origin": "https://evil.example"}
    assert client.post("/login", data=form, headers=elsewhere).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer bob-writes"}])
@pytest.mark.parametrize("query", ["", "create_pr=1"])
def test_a_commit_of_somebody_who_may_not_is_not_taken_in(client, headers, query):
    """It may have a gigabyte, all of it in memory."""
    taken, statuses = 0, []
    path = "/api/models/alice/m/commit/main"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode()}
    scope["query_string"] = query.encode()
    scope["headers"] = [(name.lower().encode(), text.encode()) for name, text in headers.items()]

    async def receive() -> dict:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x", "more_body": taken < 100}

    async def send(message: dict) -> None:
        statuses.append(message.get("status"))

    asyncio.run(client.app(scope, receive, send))

    assert statuses[0] in (401, 404)
    assert taken == 0


def test_the_first_link_works_once(hub: Hub):
    secret = hub.accounts.ensure_first_admin()
    client = TestClient(create_app(hub))
    form = {"token": secret, "password": "a long one", "again": "a long one"}

    assert client.get("/login/first", params={"token": secret}).status_code == 200
    assert client.post("/login/first", data=form, follow_redirects=False).status_code == 303
    assert client.get("/login/first", params={"token": secret}).status_code == 403
    assert client.post("/login/first", data=form).status_code == 403


def test_what_others_uploaded_runs_nowhere(client):
    evil = "<script>alert(1)</script>"
    files = [
        {"path": name, "content": evil}
        for name in ("a.html", "a.svg", "a.xml", "a.js", 'q"\\x.html', "é.xhtml")
    ]
    create(client, "evil", files=files)
    for file in files:
        for door in ("resolve", "raw"):
            answer = client.get(f"/alice/evil/{door}/main/{file['path']}")
            assert answer.status_code == 200, file
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            assert "allow-scripts" not in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Disposition"].count('"') == 2
            assert "Access-Control-Allow-Credentials" not in answer.headers
