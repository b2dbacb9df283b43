"""What a Hub is sent by mistake or in bad faith: each gets the error the public client knows; nothing is lost."""

import hashlib
import http.client
import io
import json
import os
import resource
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import hf_xet
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.servers.hub import LiveHub

pytestmark = pytest.mark.client


@pytest.fixture
def api(live_hub: LiveHub) -> HfApi:
    return HfApi(endpoint=live_hub.url, token=live_hub.token("alice"))


@pytest.fixture
def repo(api: HfApi, request: pytest.FixtureRequest) -> str:
    name = f"alice/bad-{hashlib.sha256(request.node.name.encode()).hexdigest()[:16]}"
    api.create_repo(name)
    api.upload_file(path_or_fileobj=b"kept", path_in_repo="kept.txt", repo_id=name)
    return name


def send(hub: LiveHub, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict, dict]:
    """Status, headers and JSON of one raw request by alice."""
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"Authorization": f"Bearer {hub.token('alice')}", **named})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), json.loads(data) if data[:1] in b"{[" and data else {}


def is_untouched(api: HfApi, repo: str) -> bool:
    return (
        set(api.list_repo_files(repo)) == {".gitattributes", "kept.txt"}
        and len(api.list_repo_commits(repo)) == 2
    )


def test_a_wrong_token_is_told_apart_from_a_missing_repository(live_hub: LiveHub, repo: str):
    stranger = HfApi(endpoint=live_hub.url, token="hf_never_given_to_anyone")

    with pytest.raises(HfHubHTTPError, match="Invalid credentials in Authorization header") as raised:
        stranger.model_info(repo)

    assert raised.value.response.status_code == 401
    assert not isinstance(raised.value, RepositoryNotFoundError)


def test_a_private_repository_looks_missing_to_others(live_hub: LiveHub, api: HfApi, repo: str):
    api.update_repo_settings(repo, private=True)
    for token in (live_hub.token("bob"), False):
        with pytest.raises(RepositoryNotFoundError):
            HfApi(endpoint=live_hub.url, token=token).model_info(repo)
        with pytest.raises(RepositoryNotFoundError):
            HfApi(endpoint=live_hub.url, token=token).hf_hub_download(repo, "kept.txt")


def test_a_read_token_changes_nothing_and_says_why(live_hub: LiveHub, api: HfApi, repo: str):
    reader = HfApi(endpoint=live_hub.url, token=live_hub.token("alice", "read"))

    for attempt in (
        lambda: reader.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=repo),
        lambda: reader.upload_file(path_or_fileobj=os.urandom(100), path_in_repo="x.bin", repo_id=repo),
        lambda: reader.create_tag(repo, tag="v1"),
        lambda: reader.delete_repo(repo),
        lambda: reader.create_repo("alice/more"),
    ):
        with pytest.raises(
            (HfHubHTTPError, ConnectionError, PermissionError, RuntimeError), match=r"403|Forbidden|rights"
        ):
            attempt()
    assert is_untouched(api, repo)


@pytest.mark.parametrize(
    "path", ["../escape", "a/../../escape", "/etc/passwd", ".git/config", "a//b", "nul\0byte", "..\\escape"]
)
def test_paths_that_lead_out_of_the_repository_spoil_the_commit(
    live_hub: LiveHub, api: HfApi, repo: str, path: str
):
    lines = [
        {"key": "header", "value": {"summary": "s"}},
        {"key": "file", "value": {"path": "good", "content": "eA==", "encoding": "base64"}},
        {"key": "file", "value": {"path": path, "content": "eA==", "encoding": "base64"}},
    ]
    body = b"\n".join(json.dumps(line).encode() for line in lines)

    status, _, answer = send(live_hub, "POST", f"/api/models/{repo}/commit/main", body)

    assert status == 422
    assert "Invalid path" in answer["error"]
    assert is_untouched(api, repo)


def test_odd_names_survive(api: HfApi, repo: str):
    names = [
        "with space.txt",
        "ünïcode/文件.txt",
        "a#b?c.txt",
        "100%.txt",
        "per%2Fcent.txt",
        "co:lon;semi,comma.txt",
        "+plus&and=.txt",
    ]
    api.create_commit(
        repo, [CommitOperationAdd(name, name.encode()) for name in names], commit_message="odd names"
    )

    assert set(names) <= set(api.list_repo_files(repo))
    for name in names:
        assert Path(api.hf_hub_download(repo, name)).read_bytes() == name.encode()


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b'{"key": "header", "value": {}}', b"\xff\xfe\n[1]\n",
     b'{"key": "header", "value": {"summary": "s"}}\n{"key": "file"}',
     b'{"key": "header", "value": {"summary": "s"}}\n{"key": "dance", "value": {"path": "x"}}'],
)  # fmt: skip
def test_a_malformed_commit_is_refused(live_hub: LiveHub, api: HfApi, repo: str, body: bytes):
    status, _, answer = send(live_hub, "POST", f"/api/models/{repo}/commit/main", body)

    assert status == 400
    assert answer["error"]
    assert is_untouched(api, repo)


def test_a_stale_parent_is_answered_with_412(api: HfApi, repo: str):
    stale = api.list_repo_commits(repo)[-1].commit_id

    with pytest.raises(HfHubHTTPError) as raised:
        api.create_commit(repo, [CommitOperationAdd("x", b"x")], commit_message="late", parent_commit=stale)

    assert raised.value.response.status_code == 412
    assert is_untouched(api, repo)


def test_what_is_not_there_is_named(api: HfApi, repo: str):
    with pytest.raises(RevisionNotFoundError):
        api.model_info(repo, revision="no-such-branch")
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(repo, "nothing.txt")
    with pytest.raises(EntryNotFoundError, match=r"A file with this name doesn't exist"):
        api.create_commit(repo, [CommitOperationDelete("nothing.txt", is_folder=False)], commit_message="d")
    with pytest.raises(BadRequestError, match=r"cannot be used as a repository name"):
        api.create_repo("alice/notebook.ipynb")


def test_a_large_file_that_was_never_uploaded_cannot_be_committed(live_hub: LiveHub, api: HfApi, repo: str):
    lines = [
        {"key": "header", "value": {"summary": "s"}},
        {"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": "ab" * 32, "size": 10}},
    ]
    body = b"\n".join(json.dumps(line).encode() for line in lines)

    status, _, answer = send(live_hub, "POST", f"/api/models/{repo}/commit/main", body)

    assert status == 400
    assert "w.bin" in answer["error"]
    assert is_untouched(api, repo)


def lfs_upload_link(hub: LiveHub, repo: str, data: bytes, sha256: str) -> str:
    body = {
        "operation": "upload",
        "transfers": ["basic"],
        "objects": [{"oid": sha256, "size": len(data)}],
        "hash_algo": "sha256",
    }
    status, _, answer = send(hub, "POST", f"/{repo}.git/info/lfs/objects/batch", json.dumps(body).encode())
    assert status == 200
    href = answer["objects"][0]["actions"]["upload"]["href"]
    parts = urlsplit(href)
    return f"{parts.path}?{parts.query}"


def test_lfs_bytes_that_differ_from_their_sha256_are_not_kept(live_hub: LiveHub, api: HfApi, repo: str):
    data, other = os.urandom(1000), os.urandom(1000)
    sha256 = hashlib.sha256(data).hexdigest()
    link = lfs_upload_link(live_hub, repo, data, sha256)

    status, _, answer = send(live_hub, "PUT", link, other)

    assert status in (400, 422)
    assert "sha256" in answer["error"]
    assert send(live_hub, "PUT", link, data)[0] == 200


def test_a_body_that_never_comes_leaves_nothing(live_hub: LiveHub, api: HfApi, repo: str):
    data = os.urandom(1000)
    link = lfs_upload_link(live_hub, repo, data, hashlib.sha256(data).hexdigest())
    host = urlsplit(live_hub.url)
    for path, length in (
        (link, 1000),
        (link, 10_000_000_000),
        (f"/api/models/{repo}/commit/main", 10_000_000_000),
    ):
        with socket.create_connection((host.hostname, host.port), timeout=20) as connection:
            method = "PUT" if path == link else "POST"
            head = f"{method} {path} HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Length: {length}\r\n"
            head += f"Authorization: Bearer {live_hub.token('alice')}\r\n\r\n"
            connection.sendall(head.encode() + b"only this")

    assert api.model_info(repo).id == repo
    assert is_untouched(api, repo)
    assert not list((live_hub.home / "hub" / "objects").rglob(f"*{hashlib.sha256(data).hexdigest()}*"))


def xet_connection(hub: LiveHub, repo: str) -> tuple[str, str, int]:
    _, _, token = send(hub, "GET", f"/api/models/{repo}/xet-write-token/main")
    return token["casUrl"], token["accessToken"], token["exp"]


def test_a_corrupted_xorb_is_refused(live_hub: LiveHub, api: HfApi, repo: str):
    url, token, _ = xet_connection(live_hub, repo)
    path = f"{urlsplit(url).path}/v1/xorbs/default/{'ab' * 32}"
    chunk = os.urandom(1000)
    record = (
        bytes([0]) + len(chunk).to_bytes(3, "little") + bytes([0]) + len(chunk).to_bytes(3, "little") + chunk
    )

    for body in (record, record[:-1], b"\x63" * 100, b""):
        status, _, answer = send(live_hub, "POST", path, body, Authorization=f"Bearer {token}")
        assert status == 400
        assert answer["error"]
    assert is_untouched(api, repo)


def test_a_false_sha256_in_a_xet_upload_is_caught(live_hub: LiveHub, api: HfApi, repo: str, tmp_path: Path):
    file = tmp_path / "w.bin"
    file.write_bytes(os.urandom(300_000))
    url, token, expires_at = xet_connection(live_hub, repo)

    with pytest.raises(Exception, match="sha256"):  # noqa: SIM117 - hf_xet raises bare RuntimeErrors
        with hf_xet.XetSession().new_upload_commit(
            endpoint=url, token=token, token_expiry_unix_secs=expires_at
        ) as commit:
            commit.start_upload_file(str(file), sha256="ab" * 32)

    lines = [
        {"key": "header", "value": {"summary": "s"}},
        {"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": "ab" * 32, "size": 300_000}},
    ]
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    assert send(live_hub, "POST", f"/api/models/{repo}/commit/main", body)[0] == 400
    assert is_untouched(api, repo)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit another process")
def test_a_full_disk_is_told_and_nothing_is_half_kept(tmp_path: Path):
    """The server may not write files over 3 MB: a limit of the kernel, which answers as a full disk does."""
    hub = LiveHub(tmp_path / "home")
    api = HfApi(endpoint=hub.url, token=hub.token("alice"))
    try:
        api.create_repo("alice/full")
        resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
        big = os.urandom(8_000_000)
        with pytest.raises(RuntimeError) as raised:
            api.upload_file(path_or_fileobj=io.BytesIO(big), path_in_repo="w.bin", repo_id="alice/full")
        assert isinstance(raised.value.__cause__, HfHubHTTPError)
        assert raised.value.__cause__.response.status_code == 507
        assert api.list_repo_files("alice/full") == [".gitattributes"]
        assert not list((hub.home / "hub" / "objects" / "incoming").iterdir())
        hub.restart()
        api.upload_file(path_or_fileobj=io.BytesIO(big), path_in_repo="w.bin", repo_id="alice/full")
        assert Path(api.hf_hub_download("alice/full", "w.bin")).read_bytes() == big
    finally:
        hub.stop()


def test_a_disk_without_room_is_told_before_a_large_file_travels(tmp_path: Path):
    """Over Xet, which tries again for minutes when it is refused in the middle, and shows no reason."""
    hub = LiveHub(tmp_path / "home", settings={"WINGMAN_MIN_FREE_DISK_MB": str(10**9)})
    api = HfApi(endpoint=hub.url, token=hub.token("alice"))
    try:
        api.create_repo("alice/full")
        with pytest.raises(HfHubHTTPError, match=r"bytes left and keeps .* free") as raised:
            api.upload_file(path_or_fileobj=os.urandom(100_000), path_in_repo="w.bin", repo_id="alice/full")
        assert raised.value.response.status_code == 507
        assert api.list_repo_files("alice/full") == [".gitattributes"]
        assert "/xorbs/" not in hub.log
        api.upload_file(path_or_fileobj=b"small", path_in_repo="small.txt", repo_id="alice/full")
    finally:
        hub.stop()
