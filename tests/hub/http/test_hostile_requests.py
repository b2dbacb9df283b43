"""Requests that no client sends: each gets an answer that says what is wrong with it, and none of them 500."""

import base64
import gzip
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from wingman.hub.accounts.service import seed
from wingman.hub.app import Hub, create_app
from wingman.hub.http.requests import HubRequest
from wingman.hub.json_text import MAX_VALUES, load_json

pytestmark = pytest.mark.slow

REPO = "/api/models/alice/m"
DEEP = b'{"files":' + b"[" * 20_000
ALICE = {"Authorization": "Bearer alice-writes"}


@pytest.fixture
def client(hub: Hub) -> TestClient:
    seed(hub.store, {"users": [{"name": "alice", "tokens": [{"token": "alice-writes"}]}, {"name": "bob"}]})
    client = TestClient(create_app(hub), raise_server_exceptions=False, headers=ALICE)
    files = [{"path": "a.txt", "content": "hi"}]
    assert client.post("/api/repos/create", json={"name": "m", "files": files}).status_code == 200
    return client


BODIES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "POST",
        "/api/repos/create",
        {"name": "n", "type": "model", "organization": "alice", "sdk": "x", "files": []},
    ),
    ("DELETE", "/api/repos/delete", {"name": "gone", "organization": "alice"}),
    ("POST", "/api/repos/move", {"fromRepo": "alice/gone", "toRepo": "alice/new"}),
    ("PUT", f"{REPO}/settings", {"gated": "auto", "discussionsDisabled": False, "private": False}),
    ("POST", f"{REPO}/duplicate", {"repository": "alice/m", "private": True}),
    ("POST", "/api/validate-yaml", {"content": "", "repoType": "model"}),
    ("POST", f"{REPO}/preupload/main", {"files": [{"path": "a", "size": 1, "sample": ""}], "gitIgnore": "a"}),
    ("POST", f"{REPO}/paths-info/main", {"paths": ["a.txt"], "expand": True}),
    ("POST", f"{REPO}/branch/b", {"startingPoint": "main", "overwrite": True}),
    ("POST", f"{REPO}/tag/main", {"tag": "t", "message": "m"}),
    ("POST", f"{REPO}/super-squash/main", {"message": "m"}),
    ("POST", f"{REPO}/discussions", {"title": "t", "description": "d", "pullRequest": False}),
    ("POST", f"{REPO}/discussions/1/status", {"status": "closed", "comment": "x"}),
    ("POST", f"{REPO}/user-access-request/handle", {"user": "bob", "status": "accepted", "requestId": "1"}),
    ("POST", f"{REPO}/user-access-request/grant", {"user": "bob"}),
    (
        "POST",
        "/api/collections",
        {"title": "t", "namespace": "alice", "item": {"type": "model", "id": "alice/m"}},
    ),
    (
        "POST",
        "/alice/m/info/lfs/objects/batch",
        {
            "operation": "upload",
            "objects": [{"oid": "0" * 64, "size": 1}],
            "transfers": ["basic"],
            "ref": {"name": "x"},
        },
    ),
    ("POST", "/alice/m/info/lfs/locks/verify", {"limit": 1, "cursor": "1"}),
    ("POST", f"{REPO}/lfs-files/duplicate", {"target": {"type": "model", "name": "alice/m"}, "files": []}),
    ("POST", f"{REPO}/lfs-files/batch", {"deletions": {"sha": [], "rewriteHistory": True}}),
    ("POST", "/api/wingman/flights", {"id": "f1", "task": "", "to": ""}),
]
ODD_VALUES = [[], {}, [1], [[]], {"a": 1}, 1, -1, 2**70, True, 1.5, None, "\ud800", "\0", "x" * 9000]


def _variants(value: Any) -> Iterator[Any]:
    """The value with one part of it replaced by something odd, once for each part and each oddity."""
    yield from ODD_VALUES
    if isinstance(value, dict):
        for name in value:
            yield from ({**value, name: odd} for odd in _variants(value[name]))
    elif isinstance(value, list) and value:
        yield from ([odd] for odd in _variants(value[0]))


@pytest.mark.parametrize(
    ("method", "path", "body"), BODIES, ids=lambda part: part if isinstance(part, str) else ""
)
def test_values_of_the_wrong_kind_are_told_apart_from_our_own_mistakes(client, method, path, body):
    for variant in _variants(body):
        text = json.dumps(variant).encode()
        answer = client.request(method, path, content=text, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, (variant, answer.text)


@pytest.mark.parametrize(
    "text", [DEEP, b'{"a":' * 20_000, b'{"a": NaN}', b'{"a": 1' + b"0" * 5000 + b"}", b"\xff"]
)
@pytest.mark.parametrize("path", [f"{REPO}/preupload/main", f"{REPO}/commit/main", "/api/collections"])
def test_json_that_cannot_be_kept_is_refused(client, path, text):
    assert client.post(path, content=text).status_code == 400
    assert client.post(path, content='{"title": "t"}'.encode("utf-16")).status_code == 400


@pytest.mark.parametrize("key", ["header", "file", "lfsFile", "copyFile", "deletedFile", "deletedFolder"])
def test_lines_of_a_commit_may_be_anything(client, key):
    whole = {
        "header": {"summary": "s", "description": "d", "parentCommit": "main"},
        "file": {"path": "a", "content": "a", "encoding": "utf-8"},
        "lfsFile": {"path": "a", "oid": "0" * 64, "size": 1, "algo": "sha256"},
        "copyFile": {"path": "z", "srcPath": "a.txt", "srcRevision": "main"},
    }.get(key, {"path": "a"})
    for variant in _variants(whole):
        lines = [{"key": "header", "value": {"summary": "s"}}, {"key": key, "value": variant}]
        body = b"\n".join(json.dumps(line).encode() for line in lines)
        answer = client.post(f"{REPO}/commit/main", content=body)
        assert answer.status_code < 500, (variant, answer.text)


LISTS = [
    "/api/models",
    "/models",
    "/flights",
    "/api/collections",
    f"{REPO}/tree/main",
    f"{REPO}/likers",
    "/api/users/alice/likes",
    "/api/users/alice/followers",
    "/api/settings/repositories",
    f"{REPO}/user-access-request/pending",
    f"{REPO}/lfs-files",
    "/api/wingman/flights",
]
NEVER_A_CURSOR = [
    {},
    {"a": 1},
    ["a", "b"],
    [None, None],
    2**70,
    [1, 2**70],
    True,
    [[], []],
    "\ud800",
    "x" * 99,
]


@pytest.mark.parametrize("path", LISTS)
def test_a_forged_cursor_is_refused(client, path):
    forged = [json.dumps(value).encode() for value in NEVER_A_CURSOR] + [
        b"[" * 5000,
        b"\xff",
        b"NaN",
        b"[NaN, 1]",
    ]
    for text in forged:
        cursor = base64.urlsafe_b64encode(text).decode()
        assert client.get(path, params={"cursor": cursor}).status_code == 400, text
    for value in (1, -1, [1, 2], [1.5, -2], "0" * 64):
        cursor = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
        assert client.get(path, params={"cursor": cursor}).status_code in (200, 400), value


@pytest.mark.parametrize("part", ["%ff", "%00", "%ed%a0%80"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/models/{}/m",
        "/api/models/alice/{}",
        f"{REPO}/tree/{{}}",
        f"{REPO}/tree/main/{{}}",
        "/alice/m/resolve/main/{}",
        "/alice/m/info/lfs/objects/{}",
        "/api/users/{}/overview",
        "/models/alice/{}/health",
        "/avatars/{}.svg",
        "/alice/m/blob/main/{}",
        "/{}",
        "/api/wingman/flights/{}",
    ],
)
def test_addresses_that_are_no_text_are_refused(client, path, part):
    assert client.get(path.format(part)).status_code == 400


@pytest.mark.parametrize(
    "target", ["//[", "//[x]y", "http://[", "/\\evil.example", "//evil.example", "/%0d%0aX: y"]
)
def test_after_signing_in_nothing_leads_elsewhere(client, target):
    assert client.get("/login", params={"next": target}).status_code == 200
    form = {"theme": "dark", "next": target}
    there = client.post("/theme", data=form, follow_redirects=False).headers["Location"]
    assert there in ("/", "/%0d%0aX:%20y")


@pytest.mark.parametrize("char", ["%0D%0A", "%0A", "%0D", "%1B", "%7F", "%C3%A9"])
def test_an_error_that_quotes_an_address_can_be_sent(client, char):
    for path in (f"{REPO}/tree/a{char}Set-Cookie:%20b", f"/alice/m/resolve/main/a{char}b"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["X-Error-Message"].isprintable()


def test_nul_is_no_text_in_a_query_or_a_form(client):
    assert client.get("/api/models?search=%00").status_code == 400
    assert client.post("/login", data={"name": "\0", "password": "x"}).status_code == 400


@pytest.mark.parametrize("path", ["/alice/m/info/lfs/objects/batch", "/api/validate-yaml"])
def test_json_of_endless_values_is_not_taken_apart(client, path):
    body = gzip.compress(b'{"objects":[' + b"[]," * MAX_VALUES + b"1]}", 1)

    answer = client.post(path, content=body, headers={"content-encoding": "gzip", "authorization": ""})

    assert answer.status_code == 400
    assert "more than" in answer.json()["error"]


@pytest.mark.parametrize(
    "asked",
    [
        {"gitAttributes": "*.a filter=lfs\n" * 20_000},
        {"gitIgnore": "*.a\n" * 20_000},
        {"gitIgnore": "*.a\n" * 5000, "files": [{"path": "d/" * 200 + "f"}]},
        {"gitAttributes": "*.a filter=lfs\n" * 5000, "files": [{"path": "d/" * 20_000 + "f"}]},
    ],
    ids=lambda asked: "-".join(asked),
)
def test_rules_for_files_are_few_enough_to_be_held_against_each(client, asked):
    answer = client.post(f"{REPO}/preupload/main", json={"files": [], **asked})

    assert answer.status_code == 413


def test_a_line_of_endless_attributes_is_one_rule(client):
    asked = {"gitAttributes": "*.a" + " filter=lfs" * 100_000, "files": [{"path": "x.a", "size": 1}]}

    answer = client.post(f"{REPO}/preupload/main", json=asked)

    assert answer.json()["files"][0]["uploadMode"] == "lfs"


def test_json_may_hold_long_text():
    text = "[{," * MAX_VALUES + '\\"'

    assert load_json(json.dumps({"content": text})) == {"content": text}


@pytest.mark.parametrize("path", ["/login", f"{REPO}/paths-info/main", "/theme"])
def test_a_form_of_endless_fields_is_not_taken_apart(client, path):
    body = gzip.compress(b"a=&" * 100_000)
    headers = {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}

    answer = client.post(path, content=body, headers=headers)

    assert len(body) < 1000
    assert answer.status_code == 413


@pytest.mark.parametrize("digits", ["9" * 10, "9" * 30, "9" * 5000])
def test_numbers_without_end_name_nothing(client, digits):
    for path in (
        f"{REPO}/discussions/{digits}",
        f"/xet/{digits}/1/v1/reconstructions/{'0' * 64}",
        f"/xet/1/{digits}/v1/reconstructions/{'0' * 64}",
        f"/alice/m/info/lfs/locks?id={digits}",
        f"/alice/m/info/lfs/locks?cursor={digits}",
        f"/api/models?limit={digits}",
        f"{REPO}/commits/main?p={digits}",
        f"/api/collections/alice/x-{digits}",
    ):
        assert client.get(path).status_code < 500, path
    for asked in (f"bytes={digits}-", f"bytes=-{digits}", f"bytes=0-{digits}"):
        assert client.get("/alice/m/resolve/main/a.txt", headers={"Range": asked}).status_code < 500, asked


_WORDS = st.one_of(
    st.sampled_from(
        ["models", "datasets", "alice", "m", "main", "a.txt", "..", "-1", "refs%2Fpr%2F1", "%2e%2e"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).map(
        lambda text: "%" + text.encode().hex("%")
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_request_makes_the_hub_stumble(client, data):
    """Any registered address, with any words in its places, any parameters and any body."""
    routes = [route for route in client.app.routes if not route.path.endswith("/stream")]
    route = data.draw(st.sampled_from(routes))
    path = route.path
    for name, convertor in route.param_convertors.items():
        kind = {"repo_kind": "models", "web_kind": "datasets", "number": "1", "path": None, "str": None}
        known = {"namespace": "alice", "name": "m", "revision": "main"}.get(name)
        word = kind[_kind_of(convertor)] or data.draw(st.sampled_from([known]) if known else _WORDS) or "-"
        path = path.replace("{" + name + _suffix(convertor) + "}", word)
    parameters = data.draw(
        st.dictionaries(st.sampled_from(["p", "limit", "sort", "search", "q", "expand"]), st.text())
    )
    body = data.draw(
        st.one_of(st.binary(max_size=40), st.recursive(_LEAVES, _nest, max_leaves=6).map(_encoded))
    )
    method = data.draw(st.sampled_from(sorted(route.methods)))
    answer = client.request(
        method,
        path,
        params={name: value.replace("\0", "") for name, value in parameters.items()},
        content=body,
        headers={
            "Content-Type": "application/json",
            "Accept": data.draw(st.sampled_from(["*/*", "text/html"])),
        },
        follow_redirects=False,
    )
    # 501 and 503 say that git or serving is not there, which is no mistake.
    assert answer.status_code < 500 or answer.status_code in (501, 503), (method, path, body)


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


def _nest(children):
    names = st.sampled_from(["path", "files", "name", "title", "oid", "size", "objects", "key", "value"])
    return st.lists(children, max_size=3) | st.dictionaries(names, children, max_size=4)


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def _kind_of(convertor: Any) -> str:
    return {
        "RepoKindConvertor": "repo_kind",
        "WebKindConvertor": "web_kind",
        "NumberConvertor": "number",
        "PathConvertor": "path",
        "StringConvertor": "str",
    }[type(convertor).__name__]


def _suffix(convertor: Any) -> str:
    kind = _kind_of(convertor)
    return "" if kind == "str" else f":{kind}"


def test_reports_of_flights_may_say_anything(client):
    content = [
        b"[" * 50_000,
        b'{"metrics": {"accuracy": {"value": NaN}}}',
        b'{"a": "\\ud800"}',
        b'{"rows": 1e999}',
    ]
    recipes = [b"a: " + b"[" * 50_000, b"a: &a [*a]", b"\xff", b"seed: 2020-99-99"]
    for number, (report, recipe) in enumerate(zip(content, recipes, strict=True)):
        for flight in (f"a{number}", f"b{number}"):
            at = f"/api/wingman/flights/{flight}"
            assert client.post("/api/wingman/flights", json={"id": flight, "task": "t"}).status_code == 200
            for name, data in (("report.json", report), ("worst_rows.json", report), ("recipe.yaml", recipe)):
                assert client.put(f"{at}/files/{name}", content=data).status_code == 200
            page = client.get(f"/flights/{flight}", headers={"Accept": "text/html"})
            assert page.status_code < 500
        for path in ("/api/wingman/flights/compare", "/flights/compare"):
            pair = {"first": f"a{number}", "second": f"b{number}"}
            assert client.get(path, params=pair).status_code < 500, (path, report[:40])


@pytest.mark.parametrize(
    "text", [b"[" * 50_000, b'{"a": "\\ud800"}', b'{"model_type": 1e999}', b'{"architectures": NaN}']
)
def test_a_config_that_is_no_json_breaks_neither_lists_nor_pages(client, text):
    lines = [
        {"key": "header", "value": {"summary": "s"}},
        {
            "key": "file",
            "value": {
                "path": "config.json",
                "content": base64.b64encode(text).decode(),
                "encoding": "base64",
            },
        },
    ]
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    assert client.post(f"{REPO}/commit/main", content=body).status_code == 200
    for path in (REPO, "/api/models?full=1", "/alice/m", "/alice/m/blob/main/config.json", "/models"):
        assert client.get(path).status_code == 200, path


def test_a_commit_of_endless_lines_is_cut_short(client):
    line = b'{"key":"deletedFile","value":{"path":"zz"}}\n'
    assert client.post(f"{REPO}/commit/main", content=line * 100_001).status_code == 413


def test_the_host_header_does_not_choose_where_workers_take_their_token():
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"evil.example")],
        "server": None,
    }
    scope["app"] = SimpleNamespace(
        state=SimpleNamespace(hub=SimpleNamespace(settings=SimpleNamespace(public_url="", port=8080)))
    )
    assert HubRequest(scope).local_base == "http://127.0.0.1:8080"


def test_events_of_flights_may_say_anything(client):
    times = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00Z")
    for event in ("flight_started", "step_started", "progress", "metric", "step_finished", "flight_finished"):
        for odd in ODD_VALUES:
            said = dict.fromkeys(("step", "seconds", "summary", "done", "total", "name", "value", "result"), odd)
            for time in times:
                line = json.dumps({"time": time, "event": event, **said, "step": odd or "s"})
                assert client.post("/api/wingman/flights/e/events", content=line).status_code < 500, line
    for path in ("/api/wingman/flights/e", "/api/wingman/flights", "/flights", "/flights/e"):
        assert client.get(path).status_code < 500, path
