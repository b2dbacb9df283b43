"""Gated repositories: seen by everybody, read by those who were let in."""

from dataclasses import replace

import pytest

from wingman.hub.access.model import ANONYMOUS, Caller
from wingman.hub.accounts.model import Membership, Role, Token, TokenRole
from wingman.hub.accounts.store import AccountMissing
from wingman.hub.app import Hub
from wingman.hub.errors import Forbidden, Invalid, TooLarge, Unauthorized
from wingman.hub.gating.model import AccessDecided, AccessRequestMissing, AccessStatus
from wingman.hub.repos.model import Repo, RepoGated, RepoKind


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    made = hub.repos.create(alice, kind=RepoKind.MODEL, name="m")
    return hub.repos.configure(alice, made.kind, made.full_name, gated="manual")


def may_read(hub: Hub, caller: Caller, repo: Repo) -> bool:
    try:
        hub.repos.require_content(caller, repo)
    except RepoGated:
        return False
    return True


def names(hub: Hub, alice: Caller, repo: Repo, status: AccessStatus) -> list[str]:
    found = hub.access_requests.list(alice, repo, status, after=None, limit=10)
    return [request.user.name for request in found]


def test_a_request_waits_for_the_owner(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    asked = hub.access_requests.ask(bob, repo, {"affiliation": "a hospital"})
    assert (asked.status, may_read(hub, bob, repo)) == (AccessStatus.PENDING, False)

    hub.access_requests.handle(alice, repo, AccessStatus.ACCEPTED, user_name="bob")

    assert may_read(hub, bob, repo)
    assert names(hub, alice, repo, AccessStatus.ACCEPTED) == ["bob"]
    assert names(hub, alice, repo, AccessStatus.PENDING) == []


def test_an_automatic_gate_opens_at_once(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    repo = hub.repos.configure(alice, repo.kind, repo.full_name, gated="auto")
    assert not may_read(hub, bob, repo)

    hub.access_requests.ask(bob, repo, {})

    assert may_read(hub, bob, repo)


def test_access_can_be_granted_unasked_and_taken_back(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    granted = hub.access_requests.grant(alice, repo, "bob")
    assert (granted.asked, may_read(hub, bob, repo)) == (False, True)

    rejected = hub.access_requests.handle(
        alice, repo, AccessStatus.REJECTED, request_id=granted.id, rejection_reason="No longer here"
    )

    assert (rejected.rejection_reason, may_read(hub, bob, repo)) == ("No longer here", False)
    assert hub.access_requests.ask(bob, repo, {}).status is AccessStatus.REJECTED


def test_the_same_decision_twice_is_a_conflict(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    hub.access_requests.grant(alice, repo, "bob")

    with pytest.raises(AccessDecided):
        hub.access_requests.grant(alice, repo, "bob")
    with pytest.raises(AccessDecided):
        hub.access_requests.handle(alice, repo, AccessStatus.ACCEPTED, user_name="bob")


def test_only_owners_decide_and_see_who_asked(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    hub.access_requests.ask(bob, repo, {})

    for refused in (
        lambda: hub.access_requests.list(bob, repo, AccessStatus.PENDING, after=None, limit=1),
        lambda: hub.access_requests.grant(bob, repo, "bob"),
        lambda: hub.access_requests.handle(bob, repo, AccessStatus.ACCEPTED, user_name="bob"),
    ):
        with pytest.raises(Forbidden):
            refused()
    with pytest.raises(Unauthorized):
        hub.access_requests.ask(ANONYMOUS, repo, {})


def test_who_or_what_is_not_there_is_said(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    with pytest.raises(AccountMissing):
        hub.access_requests.grant(alice, repo, "nobody")
    with pytest.raises(AccessRequestMissing):
        hub.access_requests.handle(alice, repo, AccessStatus.ACCEPTED, user_name="bob")
    open_repo = hub.repos.create(alice, kind=RepoKind.MODEL, name="open")
    with pytest.raises(Invalid, match="no need"):
        hub.access_requests.ask(bob, open_repo, {})


def test_members_of_the_owner_need_not_ask_even_with_a_read_token(hub: Hub, alice: Caller, repo: Repo):
    _, reading = hub.accounts.create_token(alice.user.id, name="r", role=TokenRole.READ)

    assert may_read(hub, replace(alice, token=reading), repo)


def test_a_token_for_another_repository_does_not_open_the_gate(
    hub: Hub, alice: Caller, bob: Caller, repo: Repo
):
    hub.access_requests.grant(alice, repo, "bob")

    def scoped(scope: str) -> Token:
        return hub.accounts.create_token(bob.user.id, name="worker", role=TokenRole.READ, repo_scope=scope)[1]

    assert may_read(hub, replace(bob, token=scoped(repo.scope)), repo)
    assert not may_read(hub, replace(bob, token=scoped("models/bob/other")), repo)


def test_a_role_elsewhere_opens_nothing(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    with hub.store.write() as tx:
        acme = tx.accounts.add_organization(
            name="acme", full_name="Acme", private_by_default=False, created_at=repo.created_at
        )
    admin_elsewhere = replace(bob, memberships=(Membership(organization=acme, role=Role.ADMIN),))

    assert not may_read(hub, admin_elsewhere, repo)


def test_a_token_that_only_reads_does_not_ask(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    secret, _ = hub.accounts.create_token(bob.user.id, name="reads", role=TokenRole.READ)
    with pytest.raises(Forbidden):
        hub.access_requests.ask(hub.accounts.caller_for_token(secret), repo, {})

    with pytest.raises(TooLarge):
        hub.access_requests.ask(bob, repo, {"why": "x" * 30_000})
    assert names(hub, alice, repo, AccessStatus.PENDING) == []
