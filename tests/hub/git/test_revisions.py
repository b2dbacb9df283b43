"""What a revision may be called, and which commit it means."""

import pytest

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.errors import Invalid
from wingman.hub.git.revisions import MAIN, RevisionMissing, check_ref_name, resolve_revision
from wingman.hub.repos.model import Repo, RepoKind


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    return hub.repos.create(alice, kind=RepoKind.MODEL, name="m")


@pytest.mark.parametrize("spelling", ["main", "HEAD", MAIN, "{commit}", "{short}"])
def test_every_spelling_of_the_default_branch_means_its_commit(hub: Hub, repo: Repo, spelling: str) -> None:
    with hub.store.read() as tx:
        head = tx.git.ref(repo.id, MAIN)
        assert head is not None
        revision = spelling.format(commit=head.commit, short=head.commit[:9])

        assert resolve_revision(tx.git, repo, revision) == head.commit


@pytest.mark.parametrize("revision", ["none", "refs/pr/1", "refs/heads/none", "0" * 40, "0000000", "head", ""])
def test_what_is_not_there_is_named(hub: Hub, repo: Repo, revision: str) -> None:
    with hub.store.read() as tx, pytest.raises(RevisionMissing) as missing:
        resolve_revision(tx.git, repo, revision)

    assert missing.value.revision == revision


@pytest.mark.parametrize(
    "name", ["HEAD", "@", "", "a..b", "a b", "refs/heads/x", "-x", "x.lock", "x/", "a" * 251, "0" * 40]
)
def test_names_that_git_or_the_hub_keeps_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="Invalid reference name"):
        check_ref_name(name)


@pytest.mark.parametrize("name", ["v1", "feature/one", "1.0", "Größe"])
def test_ordinary_names_are_kept(name: str) -> None:
    assert check_ref_name(name) == name
