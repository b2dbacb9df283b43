"""Discussions, pull requests, gates, likes and collections, through the public client."""

import itertools
import subprocess
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
from huggingface_hub.utils import get_session

from tests.servers.hub import LiveHub

pytestmark = pytest.mark.client
_numbers = itertools.count(1)


@pytest.fixture
def alice(live_hub: LiveHub) -> HfApi:
    return HfApi(endpoint=live_hub.url, token=live_hub.token("alice"))


@pytest.fixture
def bob(live_hub: LiveHub) -> HfApi:
    return HfApi(endpoint=live_hub.url, token=live_hub.token("bob"))


@pytest.fixture
def repo(alice: HfApi) -> str:
    """A repository of alice's that bob may only read."""
    repo_id = f"alice/talked-about-{next(_numbers)}"
    alice.create_repo(repo_id)
    alice.upload_file(path_or_fileobj=b"one\ntwo\nthree\n", path_in_repo="poem.txt", repo_id=repo_id)
    return repo_id


def offer(api: HfApi, repo: str, text: bytes, **arguments) -> int:
    commit = api.upload_file(
        path_or_fileobj=text, path_in_repo="poem.txt", repo_id=repo, create_pr=True, **arguments
    )
    return commit.pr_num


def read(api: HfApi, repo: str, cache: Path, revision: str = "main") -> bytes:
    return Path(api.hf_hub_download(repo, "poem.txt", revision=revision, cache_dir=cache)).read_bytes()


def test_a_stranger_offers_a_change_and_the_owner_merges_it(alice, bob, repo, tmp_path):
    num = offer(bob, repo, b"ONE\ntwo\nthree\n", commit_message="Louder", commit_description="Because.")
    alice.upload_file(path_or_fileobj=b"one\ntwo\nTHREE\n", path_in_repo="poem.txt", repo_id=repo)

    details = alice.get_discussion_details(repo, num)
    assert (details.status, details.title, details.author) == ("open", "Louder", "bob")
    assert [event.type for event in details.events] == ["comment", "commit"]
    assert details.conflicting_files == []
    assert "-one\n+ONE\n" in details.diff
    alice.merge_pull_request(repo, num, comment="Thank you")

    assert read(alice, repo, tmp_path) == b"ONE\ntwo\nTHREE\n"
    merged = bob.get_discussion_details(repo, num)
    assert merged.status == "merged"
    assert merged.merge_commit_oid == alice.list_repo_commits(repo)[0].commit_id


def test_conflicts_are_shown_and_stop_the_merge(alice, bob, repo, tmp_path):
    num = offer(bob, repo, b"theirs\n")
    alice.upload_file(path_or_fileobj=b"ours\n", path_in_repo="poem.txt", repo_id=repo)

    assert alice.get_discussion_details(repo, num).conflicting_files == ["poem.txt"]
    with pytest.raises(HfHubHTTPError, match=r"conflicts with its base branch in poem\.txt"):
        alice.merge_pull_request(repo, num)
    assert read(alice, repo, tmp_path) == b"ours\n"


def test_a_draft_is_filled_by_git_push_and_opened(alice, bob, repo, live_hub, tmp_path):
    draft = bob.create_pull_request(repo, title="Soon")
    assert draft.status == "draft"
    address = live_hub.url.replace("http://", f"http://bob:{bob.token}@") + f"/{repo}"

    def git(*arguments: str) -> None:
        author = ["-c", "user.name=bob", "-c", "user.email=bob@example.org"]
        subprocess.run(["git", *author, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("clone", "-q", address, "work")
    git("-C", "work", "fetch", "-q", "origin", "refs/pr/1:pr/1")
    git("-C", "work", "checkout", "-q", "pr/1")
    (tmp_path / "work" / "poem.txt").write_text("pushed\n")
    git("-C", "work", "commit", "-q", "-am", "By git")
    git("-C", "work", "push", "-q", "origin", "pr/1:refs/pr/1")

    with pytest.raises(subprocess.CalledProcessError):
        git("-C", "work", "push", "-q", "origin", ":refs/pr/1")
    with pytest.raises(subprocess.CalledProcessError):
        git("-C", "work", "push", "-q", "origin", "pr/1:refs/heads/main")
    events = bob.get_discussion_details(repo, draft.num).events
    assert [event.summary for event in events if event.type == "commit"] == ["By git"]
    bob.change_discussion_status(repo, draft.num, "open")
    alice.merge_pull_request(repo, draft.num)
    assert read(alice, repo, tmp_path / "cache") == b"pushed\n"


def test_a_stranger_cannot_push_to_main_or_to_another_ones_pull_request(alice, bob, repo):
    num = offer(alice, repo, b"hers\n")

    for revision in ("main", f"refs/pr/{num}"):
        with pytest.raises(HfHubHTTPError) as refusal:
            bob.upload_file(
                path_or_fileobj=b"his\n", path_in_repo="poem.txt", repo_id=repo, revision=revision
            )
        assert refusal.value.response.status_code == 403


def test_a_gate_hides_files_and_diffs_until_access_is_granted(alice, bob, repo, live_hub, tmp_path):
    num = offer(alice, repo, b"behind the gate\n")
    alice.update_repo_settings(repo, gated="manual")

    with pytest.raises(GatedRepoError, match="not in the authorized list"):
        read(bob, repo, tmp_path)
    assert bob.get_discussion_details(repo, num).diff is None
    asked = get_session().post(
        f"{live_hub.url}/{repo}/ask-access", headers={"Authorization": f"Bearer {bob.token}"}
    )
    assert asked.json()["status"] == "pending"
    assert [request.email for request in alice.list_pending_access_requests(repo)] == ["bob@example.org"]

    alice.accept_access_request(repo, "bob")

    assert read(bob, repo, tmp_path) == b"one\ntwo\nthree\n"
    assert "behind the gate" in bob.get_discussion_details(repo, num).diff


def test_likes_show_on_the_repository_and_on_both_lists(alice, bob, repo, live_hub):
    liked = get_session().post(
        f"{live_hub.url}/api/models/{repo}/like", headers={"Authorization": f"Bearer {bob.token}"}
    )
    assert liked.status_code == 200

    assert alice.model_info(repo).likes == 1
    assert [user.username for user in alice.list_repo_likers(repo)] == ["bob"]
    assert repo in alice.list_liked_repos("bob").models
    bob.unlike(repo)
    assert alice.model_info(repo).likes == 0


def test_a_collection_travels_through_the_client(alice, bob, repo):
    collection = alice.create_collection("Good things", description="Few", private=True)
    alice.add_collection_item(collection.slug, repo, "model", note="the best")
    with pytest.raises(HfHubHTTPError):
        bob.get_collection(collection.slug)

    alice.update_collection_metadata(collection.slug, private=False, theme="green")

    seen = bob.get_collection(collection.slug)
    assert [(item.item_id, item.note) for item in seen.items] == [(repo, "the best")]
    assert collection.slug in [found.slug for found in bob.list_collections(item=f"models/{repo}")]


def test_a_duplicate_space_of_ones_own(alice, bob):
    source = f"alice/space-{next(_numbers)}"
    alice.create_repo(source, repo_type="space", space_sdk="static")
    alice.upload_file(
        path_or_fileobj=b"<p>hello</p>", path_in_repo="index.html", repo_id=source, repo_type="space"
    )

    copy = bob.duplicate_repo(source, f"bob/{source.partition('/')[2]}", repo_type="space")

    assert copy.repo_id.startswith("bob/")
    assert "index.html" in bob.list_repo_files(copy.repo_id, repo_type="space")


def test_what_an_account_holds_and_does(alice, repo):
    storage = {item.id: item for item in alice.list_user_repos()}
    assert storage[repo].storage > 0
    alice.create_discussion(repo, title="A question")

    overview = alice.get_user_overview("alice")

    assert overview.num_discussions >= 1
    assert overview.num_models >= 1
    assert "region" in alice.get_model_tags()
