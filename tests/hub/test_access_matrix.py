"""Who gets what answer, on every address below a repository: hidden ones look missing, whoever asks in what way.

The table of routes is read from the application: a new address is tested the moment that it is registered.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.routing import Route
from starlette.testclient import TestClient

from wingman.hub.accounts.model import TokenRole
from wingman.hub.accounts.service import seed
from wingman.hub.app import Hub, _routes, create_app, open_hub
from wingman.hub.database import metadata
from wingman.hub.http.requests import CSRF_HEADER, SESSION_COOKIE
from wingman.hub.repos.model import RepoKind
from wingman.settings import load_settings

pytestmark = pytest.mark.slow

SECRET = "tulip-4711"
"""A word that stands in the name, card, files and discussions of whatever is hidden, and nowhere else."""

FILE = "words.txt"
HIDDEN = ("hidden", "moved")
OUTSIDERS = (
    "nobody",
    "stranger",
    "stranger_reads",
)
MEMBERS = ("org_read", "org_contribute", "org_write", "org_admin", "hub_admin")


@dataclass
class World:
    client: TestClient
    hub: Hub
    commit: str
    scoped: str = ""

    def ask(self, who: str, method: str, path: str, **more: Any):
        headers = {} if who == "nobody" else {"Authorization": f"Bearer {who}"}
        self.client.cookies.clear()
        headers |= more.pop("headers", {})
        return self.client.request(method, path, headers=headers, follow_redirects=False, **more)


def _users() -> list[dict[str, Any]]:
    writers = ["stranger", "org_read", "org_contribute", "org_write", "org_admin"]
    users = [{"name": f"u-{name}", "tokens": [{"token": name}]} for name in writers]
    users[0]["tokens"].append({"token": "stranger_reads", "role": "read"})
    users[4]["tokens"].append({"token": "admin_reads", "role": "read"})
    return [*users, {"name": "boss", "admin": True, "tokens": [{"token": "hub_admin"}]}]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    hub = open_hub(load_settings({"home": tmp_path_factory.mktemp("matrix")}, environ={}))
    members = [{"user": f"u-org_{role}", "role": role} for role in ("read", "contribute", "write", "admin")]
    seed(hub.store, {"users": _users(), "organizations": [{"name": "org", "members": members}]})
    client = TestClient(create_app(hub), raise_server_exceptions=False)
    made = World(client, hub, "")
    for kind in ("model", "dataset", "space"):
        for name in ("hidden", "moved", "open", "gated", "deleted"):
            card = f"---\ntags: [{SECRET}]\nlicense: mit\n---\n{SECRET}\n" if name in HIDDEN else "x"
            body = {
                "name": f"{name}-{SECRET}" if name in HIDDEN else name,
                "organization": "org",
                "type": kind,
                "sdk": "static",
                "private": name in HIDDEN,
                "files": [
                    {"path": "README.md", "content": card},
                    {"path": FILE, "content": SECRET if name in HIDDEN else "x"},
                ],
            }
            assert made.ask("org_admin", "POST", "/api/repos/create", json=body).status_code == 200
        rename = {"fromRepo": f"org/moved-{SECRET}", "toRepo": f"org/now-{SECRET}", "type": kind}
        assert made.ask("org_admin", "POST", "/api/repos/move", json=rename).status_code == 200
        gate = made.ask("org_admin", "PUT", f"/api/{kind}s/org/gated/settings", json={"gated": "manual"})
        assert gate.status_code == 200
        gone = {"name": "deleted", "organization": "org", "type": kind}
        assert made.ask("org_admin", "DELETE", "/api/repos/delete", json=gone).status_code == 200
    hidden = f"/api/models/org/hidden-{SECRET}"
    for body in (
        {"title": SECRET, "description": SECRET},
        {"title": SECRET, "pullRequest": True, "description": ""},
    ):
        assert made.ask("org_admin", "POST", f"{hidden}/discussions", json=body).status_code == 201
    assert made.ask("org_admin", "POST", f"{hidden}/like").status_code == 200
    collection = {
        "title": "mixed",
        "namespace": "org",
        "item": {"type": "model", "id": f"org/hidden-{SECRET}"},
    }
    assert made.ask("org_admin", "POST", "/api/collections", json=collection).status_code == 200
    owner = hub.accounts.find("u-org_admin")

    secret, _ = hub.accounts.create_token(
        owner.id, name="one", role=TokenRole.READ, repo_scope="models/org/open"
    )
    made.scoped = secret
    made.commit = made.ask("org_admin", "GET", hidden).json()["sha"]
    yield made
    hub.close()


def _below_a_repository() -> list[tuple[str, str]]:
    found = []
    for route in _routes():
        if not isinstance(route, Route) or "/{name}" not in route.path or "{namespace}" not in route.path:
            continue
        found += [(method, route.path) for method in sorted(route.methods or ()) if method != "HEAD"]
    return found


def _address(path: str, repo: str, kind: RepoKind) -> str:
    namespace, name = repo.split("/")
    values = {
        "{kind:repo_kind}": kind.plural,
        "{kind:web_kind}": "datasets" if kind is RepoKind.MODEL else kind.plural,
        "{namespace}": namespace,
        "{name}": name,
        "{revision}": "main",
        "{path:path}": FILE,
        "{oid}": "0" * 64,
        "{number:number}": "1",
        "{num:number}": "1",
        "{comment_id}": f"{1:024x}",
        "{ref}": "new",
        "{spec}": "main..main",
        "{status}": "pending",
        "{id}": "1",
        "{commit}": "main",
    }
    for name_in_path, value in values.items():
        path = path.replace(name_in_path, value)
    assert "{" not in path, f"{path} has a parameter that this table does not know: add what it means"
    return path + ("?service=git-upload-pack" if path.endswith("/info/refs") else "")


BODIES = {
    "/objects/batch": {"operation": "download", "objects": [{"oid": "0" * 64, "size": 1}]},
    "/paths-info/main": {"paths": [FILE]},
    "/discussions": {"title": "t", "description": "d"},
    "/comment": {"comment": "x"},
    "/edit": {"content": "x"},
    "/title": {"title": "x"},
    "/status": {"status": "closed"},
    "/grant": {"user": "u-stranger"},
    "/handle": {"user": "u-stranger", "status": "accepted"},
    "/duplicate": {
        "repository": "u-stranger/copy",
        "target": {"type": "model", "name": "org/open"},
        "files": [],
    },
    "/batch": {"deletions": {"sha": []}},
    "/tag/new": {"tag": "t"},
    "/preupload/main": {"files": [{"path": FILE, "size": 1, "sample": ""}]},
}
COMMIT = b'{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"p","content":"c"}}'


def _body(path: str) -> bytes:
    if "/commit/" in path:
        return COMMIT
    return json.dumps(next((body for ending, body in BODIES.items() if path.endswith(ending)), {})).encode()


def _send(world: World, who: str, method: str, path: str, **headers: str):
    body = {} if method in ("GET", "DELETE") else {"content": _body(path)}
    return world.ask(who, method, path, headers={"Content-Type": "application/json", **headers}, **body)


ROUTES = _below_a_repository()


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: part)
def test_what_is_hidden_looks_like_what_never_was(world, method, path):
    for kind in (RepoKind.MODEL, RepoKind.DATASET):
        for who in (*OUTSIDERS, world.scoped):
            never = _send(world, who, method, _address(path, "org/never-was", kind))
            for name in (f"hidden-{SECRET}", f"moved-{SECRET}", f"now-{SECRET}", "deleted"):
                asked = _address(path, f"org/{name}", kind)
                answer = _send(world, who, method, asked)
                assert answer.status_code == never.status_code, (who, asked, answer.text)
                assert answer.headers.get("X-Error-Code") == never.headers.get("X-Error-Code")
                if answer.headers.get("content-type", "").startswith("application/json"):
                    assert answer.json() == never.json(), (who, asked)
                assert answer.status_code in (401, 403, 404, 303, 400), (who, asked, answer.text)
                told = answer.text.replace(name, "")
                assert SECRET not in told, (who, asked)
                if path.startswith("/api/"):
                    assert answer.headers.get("X-Error-Code") == "RepoNotFound", (who, asked, answer.text)


@pytest.mark.parametrize(
    ("method", "path"), [each for each in ROUTES if each[0] != "GET"], ids=lambda part: part
)
def test_a_read_token_and_a_session_without_its_form_token_change_nothing(world, method, path):
    before = _state(world)
    cookie = world.hub.accounts.open_session(world.hub.accounts.find("u-org_admin").id)
    for repo in ("org/open", f"org/hidden-{SECRET}", "org/gated"):
        for kind in (RepoKind.MODEL, RepoKind.DATASET):
            address = _address(path, repo, kind)
            _send(world, "admin_reads", method, address)
            _send(world, "stranger_reads", method, address)
            _send(world, "nobody", method, address, Cookie=f"{SESSION_COOKIE}={cookie}")
            _send(
                world,
                "nobody",
                method,
                address,
                Cookie=f"{SESSION_COOKIE}={cookie}",
                **{CSRF_HEADER: "forged"},
            )
            _send(world, world.scoped, method, address)
    assert _state(world) == before


def _state(world: World) -> dict[str, Any]:
    """Every row of every table that a change would leave a trace in."""
    quiet = {"tokens", "sessions"}  # their times of use, and the session that the test itself opens
    with world.hub.store._engine.connect() as connection:
        return {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
            if name not in quiet
        } | {"events": connection.execute(sa.select(sa.func.max(metadata.tables["events"].c.id))).scalar()}


@pytest.mark.parametrize("who", [*OUTSIDERS, "scoped"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/models?full=1&limit=1000",
        "/api/datasets?search=tulip",
        "/api/models?filter=tulip-4711",
        "/api/models-tags-by-type",
        "/api/collections",
        "/api/collections?item=models/org/hidden-tulip-4711",
        "/api/users/u-org_admin/likes",
        "/api/users/u-org_admin/overview",
        "/api/organizations/org/overview",
        "/api/wingman/flights",
        "/",
        "/models",
        "/models?q=tulip",
        "/search?q=tulip",
        "/search/jump.json?q=tulip",
        "/org",
        "/u-org_admin",
    ],
)
def test_no_list_count_or_search_tells_of_what_is_hidden(world, who, path):
    answer = world.ask(world.scoped if who == "scoped" else who, "GET", path)

    assert answer.status_code == 200
    said = answer.text.replace("q=tulip", "").replace('value="tulip"', "").replace("tulip-4711&", "")
    assert SECRET not in said
    if path.endswith("overview"):
        counted = answer.json()
        assert counted.get("numLikes", 0) == 0
        assert counted["numModels"] == (2 if "org/" in path else 0)


@pytest.mark.parametrize("who", MEMBERS)
def test_members_and_administrators_see_it(world, who):
    hidden = f"org/hidden-{SECRET}"
    assert world.ask(who, "GET", f"/api/models/{hidden}").status_code == 200
    assert world.ask(who, "GET", f"/{hidden}/resolve/main/{FILE}").text == SECRET
    assert SECRET in world.ask(who, "GET", "/api/models").text


@pytest.mark.parametrize(
    ("who", "writes"),
    [
        ("nobody", 401),
        ("stranger", 403),
        ("stranger_reads", 403),
        ("admin_reads", 403),
        ("org_read", 403),
        ("org_contribute", 403),
        ("org_write", 200),
        ("org_admin", 200),
        ("hub_admin", 200),
    ],
)
def test_who_may_commit_and_configure(world, who, writes):
    assert world.ask(who, "POST", "/api/models/org/open/commit/main", content=COMMIT).status_code == writes
    settings = world.ask(who, "PUT", "/api/models/org/open/settings", json={"private": False})
    assert settings.status_code == writes


@pytest.mark.parametrize("who", ["nobody", "stranger", "stranger_reads"])
def test_a_gate_is_seen_but_not_passed(world, who):
    assert world.ask(who, "GET", "/api/models/org/gated").status_code == 200
    for path in (
        f"/org/gated/resolve/main/{FILE}",
        f"/org/gated/raw/main/{FILE}",
        f"/org/gated/blob/main/{FILE}",
        "/api/models/org/gated/compare/main..main",
        "/api/models/org/gated/lfs-files",
        "/api/models/org/gated/xet-read-token/main",
        "/api/models/org/gated/auth-check",
        "/org/gated/info/refs?service=git-upload-pack",
        "/models/org/gated/health",
    ):
        assert world.ask(who, "GET", path).status_code in (401, 403, 404), path


def test_the_commits_of_another_repository_are_none_of_this_one(world):
    for revision in (world.commit, world.commit[:10]):
        for path in (
            f"/org/open/resolve/{revision}/{FILE}",
            f"/org/open/raw/{revision}/README.md",
            f"/api/models/org/open/tree/{revision}",
            f"/api/models/org/open/revision/{revision}",
            f"/api/models/org/open/commits/{revision}",
            f"/api/models/org/open/compare/main..{revision}",
            f"/org/open/commit/{revision}",
        ):
            assert world.ask("stranger", "GET", path).status_code == 404, path


def test_basic_passwords_are_tokens_and_follow_the_same_rules(world):
    for token, status in (("admin_reads", 403), ("stranger", 403), ("org_write", 200), ("no-such", 401)):
        basic = base64.b64encode(f"anything:{token}".encode()).decode()
        answer = world.ask(
            "nobody",
            "POST",
            "/api/models/org/open/commit/main",
            content=COMMIT,
            headers={"Authorization": f"Basic {basic}"},
        )
        assert answer.status_code == status, token
