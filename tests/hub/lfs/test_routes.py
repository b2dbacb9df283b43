"""Git LFS on the wire, as git-lfs, the Python client, the JavaScript client and git-xet speak it."""

import hashlib
import re
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from tests.servers.hub import LiveHub

DATA = b"weights " * 40_000
OID = hashlib.sha256(DATA).hexdigest()
OBJECT = {"oid": OID, "size": len(DATA)}


class Lfs:
    """The LFS of one repository."""

    def __init__(self, hub: LiveHub, http: httpx.Client, repo: str, path: str) -> None:
        self.hub, self.http, self.repo = hub, http, repo
        self.url = f"{hub.url}/{path}/info/lfs"

    def ask(
        self, method: str, path: str, *, user: str | None = "alice", role: str = "write", **options
    ) -> httpx.Response:
        auth = (user, self.hub.token(user, role)) if user else None
        return self.http.request(method, f"{self.url}{path}", auth=auth, **options)

    def batch(self, operation: str, *, user: str | None = "alice", **fields) -> httpx.Response:
        body = {"operation": operation, "objects": [OBJECT], **fields}
        return self.ask("POST", "/objects/batch", user=user, json=body)

    def upload(self, data: bytes = DATA) -> httpx.Response:
        action = self.batch("upload").json()["objects"][0]["actions"]["upload"]
        return self.http.put(action["href"], content=data)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture(params=["models", "datasets with .git"])
def lfs(live_hub: LiveHub, http: httpx.Client, request: pytest.FixtureRequest) -> Lfs:
    kind = request.param.split()[0].removesuffix("s")
    name = "lfs-" + re.sub(r"\W+", "-", request.node.name).strip("-_")[:80].strip("-_")
    headers = {"Authorization": f"Bearer {live_hub.token('alice')}"}
    body = {"name": name, "type": kind}
    http.post(f"{live_hub.url}/api/repos/create", json=body, headers=headers).raise_for_status()
    path = f"alice/{name}" if kind == "model" else f"datasets/alice/{name}.git"
    return Lfs(live_hub, http, f"{kind}s/alice/{name}", path)


def test_an_object_goes_up_is_verified_and_comes_down(lfs):
    actions = lfs.batch("upload").json()["objects"][0]["actions"]
    # Without credentials: this is how the Python client uses both links.
    assert lfs.http.put(actions["upload"]["href"], content=DATA).status_code == 200
    assert lfs.http.post(actions["verify"]["href"], json=OBJECT).status_code == 200

    href = lfs.batch("download", user=None).json()["objects"][0]["actions"]["download"]["href"]

    assert lfs.http.get(href).content == DATA
    part = lfs.http.get(href, headers={"Range": "bytes=5-12"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (
        206,
        DATA[5:13],
        f"bytes 5-12/{len(DATA)}",
    )
    assert lfs.ask("GET", f"/objects/{OID}", role="read").content == DATA
    assert "actions" not in lfs.batch("upload").json()["objects"][0]


def test_other_bytes_are_refused_with_the_reason(lfs):
    answer = lfs.upload(DATA[:-1] + b"?")

    assert answer.status_code == 422
    assert OID in answer.json()["message"]
    assert lfs.batch("download").json()["objects"][0]["error"]["code"] == 404


def test_a_link_for_one_object_takes_no_other(lfs):
    href = lfs.batch("upload").json()["objects"][0]["actions"]["upload"]["href"]

    assert lfs.http.put(href.replace(OID, "f" * 64), content=DATA).status_code == 403
    assert lfs.http.put(href.partition("?")[0], content=DATA).status_code == 403


def test_without_credentials_an_upload_is_asked_for_them(lfs):
    answer = lfs.batch("upload", user=None)

    assert answer.status_code == 401
    assert answer.headers["LFS-Authenticate"].startswith("Basic")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_stranger_uploads_for_a_pull_request_only(lfs):
    to_main = lfs.batch("upload", user="bob", ref={"name": "refs/heads/main"})
    to_offer = lfs.batch("upload", user="bob")

    assert (to_main.status_code, to_offer.status_code) == (403, 200)


def test_clients_that_offer_xet_get_what_it_takes(lfs):
    answer = lfs.batch("upload", transfers=["basic", "multipart", "xet"], hash_algo="sha_256").json()

    upload = answer["objects"][0]["actions"]["upload"]
    assert answer["transfer"] == "xet"
    assert upload["href"].startswith(f"{lfs.hub.url}/api/{lfs.repo}/xet-write-token/")
    refreshed = lfs.http.get(upload["href"], headers={"Authorization": f"Bearer {lfs.hub.token('alice')}"})
    assert refreshed.json()["casUrl"] == upload["header"]["X-Xet-Cas-Url"]
    assert {"X-Xet-Access-Token", "X-Xet-Token-Expiration"} < set(upload["header"])


@pytest.mark.parametrize(
    "fields",
    [
        {"operation": "dance"},
        {"objects": "all"},
        {"objects": [{"oid": "../../etc/passwd", "size": 1}]},
        {"objects": [{"oid": OID, "size": -1}]},
        {"hash_algo": "md5"},
    ],
)
def test_a_malformed_batch_is_400(lfs, fields):
    answer = lfs.ask("POST", "/objects/batch", json={"operation": "upload", "objects": [OBJECT]} | fields)

    assert answer.status_code == 400
    assert answer.json()["message"]


def test_more_than_the_hub_takes_is_refused_object_by_object(lfs):
    answer = lfs.batch("upload", objects=[{"oid": OID, "size": 10**15}, OBJECT]).json()["objects"]

    assert answer[0]["error"]["code"] == 413
    assert "actions" in answer[1]


def test_locks_are_made_listed_and_removed(lfs):
    made = lfs.ask("POST", "/locks", json={"path": "model.bin"})
    again = lfs.ask("POST", "/locks", json={"path": "model.bin"})
    lock = made.json()["lock"]

    assert (made.status_code, again.status_code, again.json()["lock"]) == (201, 409, lock)
    assert lfs.ask("GET", "/locks?path=model.bin", user=None).json()["locks"] == [lock]
    assert lfs.ask("POST", "/locks/verify", json={}).json() == {"ours": [lock], "theirs": []}
    assert lfs.ask("POST", "/locks", user="bob", json={"path": "x"}).status_code == 403
    assert lfs.ask("POST", f"/locks/{lock['id']}/unlock", json={}).json()["lock"] == lock
    assert lfs.ask("GET", "/locks").json()["locks"] == []


def test_large_files_are_listed_and_copied_to_another_repository(lfs):
    lfs.upload()
    headers = {"Authorization": f"Bearer {lfs.hub.token('bob')}"}
    name = lfs.repo.rpartition("/")[2] + "-copy"
    lfs.http.post(f"{lfs.hub.url}/api/repos/create", json={"name": name}, headers=headers).raise_for_status()
    body = {
        "target": {"type": "model", "name": f"bob/{name}"},
        "files": [{"sha256": OID, "xetHash": "0" * 64}, {"sha256": "f" * 64}],
    }

    listed = lfs.http.get(f"{lfs.hub.url}/api/{lfs.repo}/lfs-files").json()
    copied = lfs.http.post(f"{lfs.hub.url}/api/{lfs.repo}/lfs-files/duplicate", json=body, headers=headers)

    assert [(row["oid"], row["size"]) for row in listed] == [(OID, len(DATA))]
    assert [item["sha256"] for item in copied.json()["failed"]] == ["f" * 64]
    target = f"{lfs.hub.url}/bob/{name}.git/info/lfs/objects/{OID}"
    assert lfs.http.get(target).content == DATA
