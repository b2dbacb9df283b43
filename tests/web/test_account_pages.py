"""One's own settings: profile and access tokens."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.web.conftest import Browser
from wingman.hub.access.model import Caller
from wingman.hub.accounts.model import TokenRole
from wingman.hub.app import Hub

TOKENS = "/settings/tokens"


def shown_secret(html: str) -> str | None:
    found = re.search(r"hf_[A-Za-z0-9]{20,}", html)
    return found[0] if found else None


def test_a_new_token_is_shown_once_and_works(hub: Hub, alice: Caller, as_alice: Browser):
    answer = as_alice.submit(TOKENS, TOKENS, {"name": "laptop", "role": "read", "days": "30"})

    secret = shown_secret(answer.text)
    assert secret is not None
    caller = hub.accounts.caller_for_token(secret)
    assert caller.user == alice.user
    assert caller.token.role is TokenRole.READ
    assert caller.token.expires_at - datetime.now(UTC) < timedelta(days=30, minutes=1)
    assert secret not in as_alice.get(TOKENS).text
    assert secret[-4:] in as_alice.get(TOKENS).text


def test_a_token_may_live_for_ever_but_not_have_a_lifetime_of_ones_own(
    hub: Hub, alice: Caller, as_alice: Browser
):
    as_alice.submit(TOKENS, TOKENS, {"name": "server", "role": "write", "days": ""})

    refused = as_alice.submit(TOKENS, TOKENS, {"name": "x", "role": "write", "days": "99999"})
    unscoped = as_alice.submit(TOKENS, TOKENS, {"name": "x", "role": "admin", "days": "7"})

    assert (refused.status_code, unscoped.status_code) == (400, 400)
    (token,) = hub.accounts.tokens(alice.user.id)
    assert token.expires_at is None


def test_a_token_without_a_name_is_refused_with_a_reason(as_alice: Browser):
    answer = as_alice.submit(TOKENS, TOKENS, {"name": " ", "role": "read", "days": "7"})

    assert answer.status_code == 400
    assert "needs a name" in answer.text


def test_revoking_ends_ones_own_token_and_nobody_elses(
    hub: Hub, alice: Caller, bob: Caller, as_alice: Browser
):
    _, mine = hub.accounts.create_token(alice.user.id, name="mine", role=TokenRole.READ)
    _, his = hub.accounts.create_token(bob.user.id, name="his", role=TokenRole.READ)

    for token in (mine, his):
        as_alice.submit(TOKENS, f"{TOKENS}/revoke", {"id": str(token.id)})

    assert hub.accounts.tokens(alice.user.id) == []
    assert [token.name for token in hub.accounts.tokens(bob.user.id)] == ["his"]


def test_the_profile_is_saved_and_escaped(as_alice: Browser, new_browser: Callable[[], Browser]):
    fields = {"full_name": "<b>Alice</b>", "email": "a@example.org", "about": "<script>alert(1)</script>"}
    as_alice.submit("/settings/profile", "/settings/profile", fields)

    page = new_browser().get("/alice").text

    assert "&lt;b&gt;Alice&lt;/b&gt;" in page
    assert "<script>alert" not in page
    assert "a@example.org" not in page


def test_new_repositories_are_made_where_one_may(hub: Hub, as_alice: Browser, bob: Caller):
    made = as_alice.submit(
        "/new", "/new", {"kind": "model", "owner": "alice", "name": "first", "visibility": "private"}
    )
    elsewhere = as_alice.submit(
        "/new", "/new", {"kind": "model", "owner": "bob", "name": "x", "visibility": "public"}
    )
    again = as_alice.submit(
        "/new", "/new", {"kind": "model", "owner": "alice", "name": "first", "visibility": "public"}
    )
    odd = as_alice.submit(
        "/new", "/new", {"kind": "model", "owner": "alice", "name": "../x", "visibility": "public"}
    )

    assert made.headers["location"] == "/alice/first/upload/main"
    assert [answer.status_code for answer in (elsewhere, again, odd)] == [400, 400, 400]
    assert "already created" in again.text
    assert 'value="first"' in again.text
