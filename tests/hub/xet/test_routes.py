"""The CAS on the wire: what clients of all ages rely on, down to the status codes."""

import hashlib
import json
import os
import random
import re
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from tests.hub.xet.samples import file_of, pack
from tests.servers.hub import LiveHub
from wingman.hub.xet.hashes import to_text
from wingman.hub.xet.shards import serialize_upload

# The same in every process: test workers that run side by side must collect the same names.
_NOISE = random.Random(17)
CHUNKS = [_NOISE.randbytes(20_000), b"text " * 9000, _NOISE.randbytes(30_000), _NOISE.randbytes(9_000)]
DATA = b"".join(CHUNKS)
XORB = pack(CHUNKS)
FILE = file_of([(XORB, 0, 4)], hashlib.sha256(DATA).hexdigest())
XORB_NAME, FILE_NAME = to_text(XORB.hash), to_text(FILE.hash)


class Cas:
    """A repository's CAS, spoken to by hand."""

    def __init__(self, hub: LiveHub, http: httpx.Client, repo: str, *, user: str = "alice") -> None:
        self.http, self.hub, self.repo, self.user = http, hub, repo, user
        self.connection = self.token("write").json()
        self.url = self.connection["casUrl"]

    def token(self, scope: str, revision: str = "main", **options: str) -> httpx.Response:
        address = f"{self.hub.url}/api/models/{self.repo}/xet-{scope}-token/{revision}"
        return self.http.get(address, params=options, headers=bearer(self.hub.token(self.user)))

    def ask(self, method: str, path: str, *, token: str | None = None, **options: object) -> httpx.Response:
        headers = bearer(token or self.connection["accessToken"]) | options.pop("headers", {})
        return self.http.request(method, f"{self.url}{path}", headers=headers, **options)

    def upload(self) -> None:
        self.ask("POST", f"/v1/xorbs/default/{XORB_NAME}", content=bytes(XORB.body)).raise_for_status()
        self.ask("POST", "/v1/shards", content=serialize_upload([FILE], [])).raise_for_status()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture
def cas(live_hub: LiveHub, http: httpx.Client, request: pytest.FixtureRequest) -> Cas:
    repo = re.sub(r"\W+", "-", request.node.name)[:80].strip("-_")
    headers = bearer(live_hub.token("alice"))
    http.post(f"{live_hub.url}/api/repos/create", json={"name": repo}, headers=headers).raise_for_status()
    return Cas(live_hub, http, f"alice/{repo}")


def test_a_token_comes_in_the_body_and_in_the_headers(cas, live_hub):
    answer = cas.token("read")

    body = answer.json()
    assert body["casUrl"] == answer.headers["X-Xet-Cas-Url"]
    assert body["casUrl"].startswith(f"{live_hub.url}/xet/")
    assert body["accessToken"] == answer.headers["X-Xet-Access-Token"]
    assert str(body["exp"]) == answer.headers["X-Xet-Token-Expiration"]


def test_strangers_get_tokens_for_reading_and_for_pull_requests_only(cas, live_hub, http):
    stranger = Cas.__new__(Cas)
    stranger.http, stranger.hub, stranger.repo, stranger.user = http, live_hub, cas.repo, "bob"

    assert stranger.token("read").status_code == 200
    assert stranger.token("write").status_code == 403
    assert stranger.token("write", "None", create_pr="1").status_code == 200
    assert stranger.token("write", "refs%2Fpr%2F7").status_code == 200


def test_a_token_for_reading_does_not_write(cas):
    token = cas.token("read").json()["accessToken"]

    answer = cas.ask("POST", f"/v1/xorbs/default/{XORB_NAME}", token=token, content=bytes(XORB.body))

    assert answer.status_code == 403


@pytest.mark.parametrize("token", ["nonsense", "W10.AAAA", "é"])
def test_a_bad_token_is_401(cas, token):
    header = f"Bearer {token}".encode()

    answer = cas.http.get(f"{cas.url}/v1/reconstructions/{FILE_NAME}", headers={"Authorization": header})

    assert answer.status_code == 401


@pytest.mark.parametrize("version", ["/v1", "/v2", ""])
def test_every_version_of_the_addresses_answers(cas, version):
    sent = cas.ask("POST", f"{version}/xorbs/default/{XORB_NAME}", content=bytes(XORB.body))
    registered = cas.ask("POST", f"{version}/shards", content=serialize_upload([FILE], []))
    asked = cas.ask("GET", f"{version}/chunks/default-merkledb/{to_text(XORB.table.hashes_of(0, 1))}")
    rebuilt = cas.ask("GET", f"{version}/reconstructions/{FILE_NAME}")

    assert [answer.status_code for answer in (sent, registered, asked, rebuilt)] == [200] * 4
    assert set(sent.json()) == {"was_inserted"}
    assert json.loads(registered.text.splitlines()[-1])["result"] == 1
    assert rebuilt.json()["terms"][0]["unpacked_length"] == len(DATA)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/xorb-commits/default/x/grant/y"),
        ("GET", "/v2/file-chunk-hashes/x"),
        ("PUT", "/v1/shards"),
        ("HEAD", f"/v1/xorbs/default/{XORB_NAME}"),
        ("POST", "/v3/shards"),
    ],
)
def test_what_the_cas_does_not_have_is_404_and_never_405(cas, method, path):
    assert cas.ask(method, path).status_code == 404


def test_a_grant_says_whether_a_xorb_has_to_be_sent(cas):
    body = {"length": len(XORB.body), "checksum": {"algo": "crc64nvme", "value": "1"}}
    other = pack([os.urandom(1000)])
    cas.upload()

    known = cas.ask("POST", f"/v1/xorb-grants/default/{XORB_NAME}", json=body)
    unknown = cas.ask("POST", f"/v1/xorb-grants/default/{to_text(other.hash)}", json=body)

    assert (known.status_code, unknown.status_code) == (200, 404)


@pytest.fixture
def unsent() -> tuple[str, bytes]:
    """The name of a xorb that nobody sent, and a shard over it."""
    xorb = pack([os.urandom(1000)])
    return to_text(xorb.hash), serialize_upload([file_of([(xorb, 0, 1)])], [])


def test_the_newest_shard_answer_ends_in_what_was_wrong(cas, unsent):
    name, shard = unsent

    answer = cas.ask("POST", "/v2/shards", content=shard)

    last = json.loads(answer.text.splitlines()[-1])
    assert (answer.status_code, last["type"], last["retryable"]) == (200, "error", False)
    assert name in last["message"]


def test_the_older_shard_answer_is_a_400(cas, unsent):
    name, shard = unsent

    answer = cas.ask("POST", "/v1/shards", content=shard)

    assert answer.status_code == 400
    assert name in answer.json()["error"]


@pytest.mark.parametrize("name", ["x", "A" * 64, "0" * 63])
def test_a_name_that_is_no_hash_is_400(cas, name):
    assert cas.ask("POST", f"/v1/xorbs/default/{name}", content=b"").status_code == 400


def test_a_plan_for_a_range_leads_to_its_bytes_and_to_no_others(cas):
    cas.upload()
    plan = cas.ask("GET", f"/v1/reconstructions/{FILE_NAME}", headers={"Range": "bytes=70000-80000"}).json()

    (fetch,) = plan["fetch_info"][XORB_NAME]
    first, last = fetch["url_range"]["start"], fetch["url_range"]["end"]
    inside = cas.http.get(fetch["url"], headers={"Range": f"bytes={first}-{last}"})
    beyond = cas.http.get(fetch["url"], headers={"Range": f"bytes={first - 1}-{last}"})
    changed = cas.http.get(fetch["url"][:-2], headers={"Range": f"bytes={first}-{last}"})

    assert (inside.status_code, inside.content) == (206, bytes(XORB.body[first : last + 1]))
    assert (beyond.status_code, changed.status_code) == (403, 403)
    assert fetch["range"] == {"start": 2, "end": 3}
    assert plan["offset_into_first_range"] == 70_000 - 65_000


def test_a_range_past_the_end_is_416(cas):
    cas.upload()

    answer = cas.ask("GET", f"/v2/reconstructions/{FILE_NAME}", headers={"Range": f"bytes={len(DATA)}-"})

    assert answer.status_code == 416


def test_telemetry_is_taken_at_the_root_of_the_host(live_hub, http):
    assert http.post(f"{live_hub.url}/v1/telemetry", json={"anything": 1}).status_code == 202
