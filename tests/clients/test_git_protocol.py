"""Every way in which people clone, fetch and push, with the real git against a running Hub."""

import gzip
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.clients.git_user import HOW_TO_GET, GitUser
from tests.servers.hub import LiveHub

pytestmark = pytest.mark.client


@pytest.fixture
def git(tmp_path) -> GitUser:
    if shutil.which("git") is None or shutil.which("git-lfs") is None:
        pytest.skip(HOW_TO_GET)
    return GitUser(tmp_path / "git-home")


@pytest.fixture
def api(live_hub) -> HfApi:
    return HfApi(endpoint=live_hub.url, token=live_hub.token("alice"))


@pytest.fixture
def repo(api, repo_id) -> str:
    api.create_repo(repo_id)
    return repo_id


@pytest.fixture
def remote(live_hub, repo) -> str:
    return remote_for(live_hub, repo)


@pytest.fixture
def work(git, remote, tmp_path) -> Path:
    """A clone with five commits that are pushed already."""
    git.run("clone", "-q", remote, "work", cwd=tmp_path)
    work = tmp_path / "work"
    for number in range(5):
        git.commit(work, f"number {number}", notes_txt=f"{number}\n", data__rows_txt=f"{number}\n" * 2000)
    git.run("push", "-q", "origin", "main", cwd=work)
    return work


def remote_for(hub: LiveHub, path: str, *, user: str = "alice", token: str | None = None) -> str:
    return f"{hub.url.replace('://', f'://{user}:{token or hub.token(user)}@')}/{path}"


def test_pushed_branches_and_tags_are_seen_by_the_api(git, api, repo, work):
    head = git.run("rev-parse", "HEAD", cwd=work)
    git.run("tag", "light", "HEAD~1", cwd=work)
    git.run("tag", "-a", "signed-off", "-m", "Good enough", cwd=work)
    git.run("push", "-q", "origin", "main:next", "--tags", cwd=work)

    refs = api.list_repo_refs(repo)

    assert {branch.name: branch.target_commit for branch in refs.branches} == {"main": head, "next": head}
    targets = {tag.name: tag.target_commit for tag in refs.tags}
    assert set(targets) == {"light", "signed-off"}
    assert targets["light"] == git.run("rev-parse", "HEAD~1", cwd=work)
    assert api.repo_info(repo, revision="signed-off").sha == head
    assert {file.path for file in api.list_repo_tree(repo, recursive=True)} >= {"notes.txt", "data/rows.txt"}
    assert Path(api.hf_hub_download(repo, "data/rows.txt", revision=head)).read_text() == "4\n" * 2000
    assert [commit.title for commit in api.list_repo_commits(repo)][:2] == ["number 4", "number 3"]


def test_a_push_that_would_lose_commits_needs_force(git, api, repo, work):
    git.run("reset", "-q", "--hard", "HEAD~2", cwd=work)
    replacement = git.commit(work, "another way", notes_txt="other\n")

    assert "non-fast-forward" in git.fail("push", "origin", "main", cwd=work)
    git.run("push", "-q", "--force-with-lease", "origin", "main", cwd=work)

    assert api.repo_info(repo).sha == replacement


def test_branches_and_tags_can_be_deleted_but_main_cannot(git, api, repo, work):
    git.run("tag", "v1", cwd=work)
    git.run("push", "-q", "origin", "main:old", "v1", cwd=work)

    git.run("push", "-q", "origin", ":old", ":v1", cwd=work)

    refs = api.list_repo_refs(repo)
    assert [branch.name for branch in refs.branches] == ["main"]
    assert refs.tags == []
    assert "main cannot be deleted" in git.fail("push", "origin", ":main", cwd=work)


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_clones_are_whole_in_every_protocol_version(git, remote, work, tmp_path, version):
    git.run("tag", "-a", "v1", "-m", "one", cwd=work)
    git.run("push", "-q", "origin", "v1", cwd=work)

    git.run("-c", f"protocol.version={version}", "clone", "-q", remote, "copy", cwd=tmp_path)

    copy = tmp_path / "copy"
    git.run("fsck", "--strict", cwd=copy)
    assert git.run("rev-parse", "HEAD", "v1", cwd=copy) == git.run("rev-parse", "HEAD", "v1", cwd=work)
    assert git.run("symbolic-ref", "HEAD", cwd=copy) == "refs/heads/main"
    assert git.run("status", "--porcelain", cwd=copy) == ""


@pytest.mark.parametrize("version", ["0", "2"])
def test_shallow_clones_deepen_step_by_step(git, remote, work, tmp_path, version):
    copy = tmp_path / "copy"
    fetch = ("-c", f"protocol.version={version}", "fetch", "-q")

    def num_commits() -> str:
        return git.run("rev-list", "--count", "HEAD", cwd=copy)

    git.run("-c", f"protocol.version={version}", "clone", "-q", "--depth=1", remote, "copy", cwd=tmp_path)
    assert num_commits() == "1"
    git.run(*fetch, "--deepen=3", cwd=copy)
    assert num_commits() == "4"
    git.run(*fetch, "--unshallow", cwd=copy)
    assert num_commits() == "6"
    git.run("fsck", "--strict", cwd=copy)


def test_a_clone_can_begin_at_a_date(git, remote, work, tmp_path):
    git.run("checkout", "-q", "--orphan", "history", cwd=work)
    for year in ("2019", "2020", "2021"):
        git.environ["GIT_COMMITTER_DATE"] = f"{year}-01-01T00:00:00Z"
        git.commit(work, f"of {year}", year_txt=year)
    git.run("push", "-q", "origin", "history", cwd=work)

    wanted = ("--shallow-since=2019-06-01", "--branch=history", "--single-branch")
    git.run("clone", "-q", *wanted, remote, "copy", cwd=tmp_path)

    assert git.run("log", "--format=%s", cwd=tmp_path / "copy").splitlines() == ["of 2021", "of 2020"]


@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize("filter_spec", ["blob:none", "tree:0", "blob:limit=1k"])
def test_partial_clones_fetch_what_they_lack_when_it_is_needed(
    git, remote, work, tmp_path, filter_spec, version
):
    git.run(
        *("-c", f"protocol.version={version}", "clone", "-q", "--no-checkout"),
        *(f"--filter={filter_spec}", remote, "copy"),
        cwd=tmp_path,
    )
    copy = tmp_path / "copy"
    missing = git.run("rev-list", "--objects", "--all", "--missing=print", cwd=copy).count("?")
    assert missing > 0

    git.run("-c", f"protocol.version={version}", "checkout", "-q", "main", cwd=copy)

    assert (copy / "data" / "rows.txt").read_text() == "4\n" * 2000
    assert git.run("show", "HEAD~3:data/rows.txt", cwd=copy) == "\n".join(["1"] * 2000)


def test_a_commit_is_fetched_by_its_id_and_a_tag_is_cloned(git, remote, work, tmp_path):
    git.run("tag", "-a", "v1", "-m", "one", "HEAD~2", cwd=work)
    git.run("push", "-q", "origin", "v1", cwd=work)
    old = git.run("rev-parse", "HEAD~4", cwd=work)
    (tmp_path / "bare").mkdir()
    git.run("init", "-q", cwd=tmp_path / "bare")

    git.run("fetch", "-q", "--depth=1", remote, old, cwd=tmp_path / "bare")
    git.run("clone", "-q", "--branch=v1", remote, "copy", cwd=tmp_path)

    assert git.run("show", "FETCH_HEAD:notes.txt", cwd=tmp_path / "bare") == "0"
    assert (tmp_path / "copy" / "notes.txt").read_text() == "2\n"


def test_pull_requests_are_fetched_and_pushed_but_not_made_by_a_push(git, api, repo, work):
    proposal = api.create_commit(
        repo, [CommitOperationAdd("proposal.txt", b"maybe\n")], commit_message="Propose", create_pr=True
    )

    git.run("fetch", "-q", "origin", "refs/pr/1:pr1", cwd=work)
    assert git.run("rev-parse", "pr1", cwd=work) == proposal.oid
    git.run("checkout", "-q", "pr1", cwd=work)
    better = git.commit(work, "Propose better", proposal_txt="certainly\n")
    git.run("push", "-q", "origin", "pr1:refs/pr/1", cwd=work)

    assert api.repo_info(repo, revision="refs/pr/1").sha == better
    assert "not by a push" in git.fail("push", "origin", "pr1:refs/pr/2", cwd=work)
    assert "only branches, tags" in git.fail("push", "origin", "pr1:refs/notes/x", cwd=work)


def test_a_push_from_a_shallow_clone_arrives_whole(git, remote, work, tmp_path):
    git.run("clone", "-q", "--depth=1", remote, "shallow", cwd=tmp_path)
    head = git.commit(tmp_path / "shallow", "from a shallow clone", notes_txt="shallow\n")

    git.run("push", "-q", "origin", "main", cwd=tmp_path / "shallow")

    git.run("pull", "-q", "--ff-only", cwd=work)
    assert git.run("rev-parse", "HEAD", cwd=work) == head
    assert git.run("rev-list", "--count", "HEAD", cwd=work) == "7"


def test_a_file_too_large_for_git_is_refused_with_its_name_and_a_way_out(git, api, repo, work):
    before = api.repo_info(repo).sha
    git.commit(work, "too much", data__all_csv="0123456789" * 1_000_001)

    complaint = git.fail("push", "origin", "main", cwd=work)

    assert "data/all.csv (10.0 MB)" in complaint
    assert "git lfs track" in complaint
    assert "must be stored with Git LFS" in complaint
    assert api.repo_info(repo).sha == before


def test_a_pointer_without_its_file_is_refused(git, api, repo, work):
    before = api.repo_info(repo).sha
    git.commit(work, "only a pointer", model_bin="weights" * 1000)
    git.environ["GIT_LFS_SKIP_PUSH"] = "1"

    complaint = git.fail("push", "origin", "main", cwd=work)

    assert "model.bin (sha256 " in complaint
    assert "git lfs push --all" in complaint
    assert api.repo_info(repo).sha == before


def test_a_broken_card_is_refused_on_main_but_not_elsewhere(git, work):
    git.commit(work, "a card", README_md="---\nlicense: [unclosed\n---\n# Model\n")

    assert "metadata of README.md is not valid" in git.fail("push", "origin", "main", cwd=work)
    git.run("push", "-q", "origin", "main:draft", cwd=work)


def test_a_path_that_other_clients_could_not_write_is_refused(git, work):
    (work / "a\ttab.txt").write_text("x")
    git.commit(work, "an odd name")

    assert "control characters are not allowed" in git.fail("push", "origin", "main", cwd=work)


def test_an_atomic_push_is_all_or_nothing(git, api, repo, work):
    git.commit(work, "more", notes_txt="more\n")

    complaint = git.fail("push", "--atomic", "origin", "main", "main:refs/notes/x", cwd=work)

    assert "another reference of this atomic push was refused" in complaint
    assert api.list_repo_commits(repo)[0].title == "number 4"
    git.fail("push", "origin", "main", "main:refs/notes/x", cwd=work)
    assert api.list_repo_commits(repo)[0].title == "more"


def test_of_two_pushes_at_once_exactly_one_wins(git, api, repo, remote, work, tmp_path):
    clones = []
    for number in range(4):
        git.run("clone", "-q", remote, f"clone{number}", cwd=tmp_path)
        git.commit(tmp_path / f"clone{number}", f"by {number}", notes_txt=f"by {number}\n")
        clones.append(tmp_path / f"clone{number}")

    pushes = [git.start("push", "origin", "main", cwd=clone) for clone in clones]
    complaints = [push.communicate(timeout=100)[1] for push in pushes]

    winners = [number for number, push in enumerate(pushes) if push.returncode == 0]
    assert len(winners) == 1, complaints
    assert api.list_repo_commits(repo)[0].title == f"by {winners[0]}"
    assert all("fetch first" in complaint for complaint in complaints if "rejected" in complaint)


def test_pushes_and_commits_by_the_api_do_not_lose_each_other(git, api, repo, work):
    by_api: list[str] = []

    def commit() -> None:
        for number in range(8):
            files = [CommitOperationAdd(f"api/{number}.txt", f"{number}".encode())]
            by_api.append(api.create_commit(repo, files, commit_message=f"api {number}").oid)

    writer = threading.Thread(target=commit)
    writer.start()
    for number in range(4):
        git.commit(work, f"push {number}", notes_txt=f"pushed {number}\n")
        for _ in range(40):
            push = git.start("push", "-q", "origin", "main", cwd=work)
            push.communicate(timeout=100)
            if push.returncode == 0:
                break
            git.run("pull", "-q", "--rebase", cwd=work)
    writer.join()
    git.run("pull", "-q", "--ff-only", cwd=work)

    titles = git.run("log", "--format=%s", cwd=work).splitlines()
    assert {f"api {number}" for number in range(8)} | {f"push {number}" for number in range(4)} <= set(titles)
    assert set(by_api) <= {commit.commit_id for commit in api.list_repo_commits(repo)}
    git.run("fsck", "--strict", cwd=work)


def test_who_may_not_read_or_write_is_asked_for_a_token_or_told(git, live_hub, api, repo, work, tmp_path):
    public = f"{live_hub.url}/{repo}"
    git.run("clone", "-q", public, "public", cwd=tmp_path)
    assert "could not read Username" in git.fail("push", public, "main:x", cwd=work)
    reader = remote_for(live_hub, repo, token=live_hub.token("alice", "read"))
    assert "only allows reading" in git.fail("push", reader, "main:x", cwd=work)
    assert "need write access" in git.fail("push", remote_for(live_hub, repo, user="bob"), "main:x", cwd=work)

    api.update_repo_settings(repo, private=True)

    assert "could not read Username" in git.fail("clone", public, "again", cwd=tmp_path)
    assert "could not read Username" in git.fail("clone", f"{public}-missing", "again", cwd=tmp_path)
    stranger = git.fail("clone", remote_for(live_hub, repo, user="bob"), "again", cwd=tmp_path)
    nobody = git.fail("clone", remote_for(live_hub, f"{repo}-missing", user="bob"), "again", cwd=tmp_path)
    assert "Repository not found" in stranger
    assert stranger.replace(repo, "") == nobody.replace(f"{repo}-missing", "")
    wrong = remote_for(live_hub, repo, token="hf_wrong")
    assert "Authentication failed" in git.fail("clone", wrong, "again", cwd=tmp_path)
    git.run("clone", "-q", reader, "again", cwd=tmp_path)


def test_datasets_are_reached_below_their_prefix_with_and_without_the_suffix(
    git, live_hub, api, repo_id, tmp_path
):
    api.create_repo(repo_id, repo_type="dataset")

    git.run("clone", "-q", remote_for(live_hub, f"datasets/{repo_id}"), "plain", cwd=tmp_path)
    git.run("clone", "-q", remote_for(live_hub, f"datasets/{repo_id}.git"), "suffix", cwd=tmp_path)
    head = git.commit(tmp_path / "suffix", "rows", rows_csv="a,b\n1,2\n")
    git.run("push", "-q", "origin", "main", cwd=tmp_path / "suffix")

    git.run("pull", "-q", cwd=tmp_path / "plain")
    assert git.run("rev-parse", "HEAD", cwd=tmp_path / "plain") == head
    assert api.dataset_info(repo_id).sha == head


def test_copies_on_disk_may_be_deleted_or_damaged_at_any_time(git, live_hub, remote, work, tmp_path):
    copies = live_hub.home / "hub" / "cache" / "git"

    shutil.rmtree(copies)
    git.run("clone", "-q", remote, "after-loss", cwd=tmp_path)
    for index in copies.glob("*.git/objects/pack/*.idx"):
        index.chmod(0o600)
        index.write_bytes(b"damaged")
    git.commit(work, "after the damage", notes_txt="anew\n")
    git.run("push", "-q", "origin", "main", cwd=work)
    git.run("clone", "-q", remote, "after-damage", cwd=tmp_path)

    assert (tmp_path / "after-damage" / "notes.txt").read_text() == "anew\n"
    git.run("fsck", "--strict", cwd=tmp_path / "after-damage")


def test_a_push_that_breaks_off_leaves_nothing_behind(git, live_hub, api, repo, work):
    before = git.run("rev-parse", "origin/main", cwd=work)
    line = f"{before} {'b' * 40} refs/heads/main\0report-status".encode()
    begun = b"%04x" % (len(line) + 4) + line + b"0000PACK" + b"\0" * 20
    head = (
        f"POST /{repo}/git-receive-pack HTTP/1.1\r\nHost: hub\r\nContent-Length: 100000\r\n"
        f"Authorization: Bearer {live_hub.token('alice')}\r\n\r\n"
    )
    address = urllib.parse.urlsplit(live_hub.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + begun)
        incoming = live_hub.home / "hub" / "cache" / "git" / "incoming"
        wait_until(lambda: any(incoming.iterdir()))

    wait_until(lambda: not any(incoming.iterdir()))
    assert api.repo_info(repo).sha == before


def wait_until(is_so, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_zipped_requests_are_read_and_broken_ones_refused(live_hub, repo):
    question = gzip.compress(b"0014command=ls-refs\n0000")

    def ask(body: bytes):
        headers = {"Content-Encoding": "gzip", "Git-Protocol": "version=2"}
        return urllib.request.Request(f"{live_hub.url}/{repo}/git-upload-pack", data=body, headers=headers)

    with urllib.request.urlopen(ask(question)) as answer:
        assert b"refs/heads/main" in answer.read()
    for body in (question[:-9], b"not gzip at all"):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(ask(body))


def test_the_protocol_of_web_servers_without_git_is_not_spoken(live_hub, repo):
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(f"{live_hub.url}/{repo}/info/refs")


def test_git_works_where_all_state_is_in_postgresql_and_s3(git, postgres_url, s3_store, tmp_path):
    stores = {"WINGMAN_DATABASE_URL": postgres_url, "WINGMAN_STORAGE_URL": s3_store.url}
    hub = LiveHub(tmp_path / "home", settings=stores | s3_store.environment)
    try:
        HfApi(endpoint=hub.url, token=hub.token("alice")).create_repo("alice/far")
        remote = remote_for(hub, "alice/far")
        git.run("clone", "-q", remote, "work", cwd=tmp_path)
        work = tmp_path / "work"
        head = git.commit(work, "large and small", notes_txt="small\n", data_csv="0123456789" * 50_000)

        git.run("push", "-q", "origin", "main", cwd=work)
        shutil.rmtree(tmp_path / "home" / "hub" / "cache" / "git")
        git.run("clone", "-q", remote, "copy", cwd=tmp_path)
    finally:
        hub.stop()

    git.run("fsck", "--strict", cwd=tmp_path / "copy")
    assert git.run("rev-parse", "HEAD", cwd=tmp_path / "copy") == head
    assert (tmp_path / "copy" / "data.csv").read_text() == "0123456789" * 50_000


@pytest.mark.slow
def test_a_push_of_ten_thousand_objects_is_kept_whole(git, api, repo, remote, work, tmp_path):
    for number in range(10_000):
        path = work / f"part-{number // 1000}" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"row {number}\n" * 20)
    git.commit(work, "ten thousand")

    git.run("push", "-q", "origin", "main", cwd=work)

    assert sum(1 for _ in api.list_repo_tree(repo, "part-7")) == 1000
    git.run("clone", "-q", remote, "copy", cwd=tmp_path)
    difference = subprocess.run(
        ["diff", "-r", "-x.git", work, tmp_path / "copy"], capture_output=True, text=True
    )
    assert difference.stdout == ""
