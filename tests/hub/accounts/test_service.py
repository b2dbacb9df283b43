"""Accounts: passwords, sessions, tokens, provisioning."""

from datetime import timedelta

import pytest

from wingman.hub.access.model import Caller
from wingman.hub.accounts.model import InvalidName, TokenRole, check_name
from wingman.hub.accounts.service import InvalidToken, WrongCredentials, seed
from wingman.hub.app import Hub
from wingman.hub.database import now
from wingman.hub.errors import Invalid

SEED = {
    "users": [
        {
            "name": "__CI__",
            "full_name": "CI Bot",
            "password": "a long password",
            "tokens": [{"token": "any string"}],
        },
        {"name": "root", "admin": True, "tokens": [{"token": "hf_r", "role": "read"}]},
    ],
    "organizations": [
        {"name": "team", "private_by_default": True, "members": [{"user": "__CI__", "role": "write"}]}
    ],
}


def test_a_password_opens_a_session_and_a_wrong_one_does_not(hub: Hub):
    hub.accounts.create_user("ann", password="correct horse")

    secret = hub.accounts.sign_in("ANN", "correct horse")
    signed_in = hub.accounts.caller_for_session(secret)

    assert signed_in is not None
    assert signed_in.caller.user.name == "ann"
    for name, password in (("ann", "wrong"), ("nobody", "correct horse"), ("ann", "")):
        with pytest.raises(WrongCredentials):
            hub.accounts.sign_in(name, password)


def test_signing_out_ends_the_session_and_a_new_password_ends_all(hub: Hub):
    user = hub.accounts.create_user("ann", password="correct horse")
    first, second = (hub.accounts.sign_in("ann", "correct horse") for _ in range(2))

    hub.accounts.sign_out(first)
    assert hub.accounts.caller_for_session(first) is None
    hub.accounts.set_password(user.id, "battery staple")
    assert hub.accounts.caller_for_session(second) is None


def test_a_short_password_is_refused(hub: Hub):
    user = hub.accounts.create_user("ann")
    with pytest.raises(Invalid, match="at least 8"):
        hub.accounts.set_password(user.id, "short")


def test_a_token_is_kept_only_as_a_hash_and_can_expire_or_be_revoked(hub: Hub):
    user = hub.accounts.create_user("ann")
    secret, token = hub.accounts.create_token(user.id, name="laptop", role=TokenRole.WRITE)
    stale, _ = hub.accounts.create_token(
        user.id, name="old", role=TokenRole.READ, expires_at=now() - timedelta(seconds=1)
    )

    assert hub.accounts.caller_for_token(secret).user == user
    assert secret.encode() not in (hub.settings.hub_folder / "hub.db").read_bytes()
    with pytest.raises(InvalidToken):
        hub.accounts.caller_for_token(stale)
    assert hub.accounts.revoke_token(user.id, token.id)
    with pytest.raises(InvalidToken):
        hub.accounts.caller_for_token(secret)


def test_the_first_start_makes_an_administrator_once(hub: Hub):
    secret = hub.accounts.ensure_first_admin()

    assert secret is not None
    assert hub.accounts.caller_for_token(secret).user.is_admin
    assert hub.accounts.ensure_first_admin() is None


def test_seeding_twice_changes_nothing(hub: Hub):
    for _ in range(2):
        counts = seed(hub.store, SEED)

    assert counts == {"users": 2, "organizations": 1, "memberships": 1, "tokens": 2}
    caller: Caller = hub.accounts.caller_for_token("any string")
    assert caller.user is not None
    assert (caller.user.name, caller.user.full_name, caller.user.is_admin) == ("__CI__", "CI Bot", False)
    assert [(item.organization.name, item.role.value) for item in caller.memberships] == [("team", "write")]
    assert hub.accounts.sign_in("__CI__", "a long password")
    assert not hub.accounts.caller_for_token("hf_r").may_write_at_all


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"user": []}, "keys that mean nothing here: user"),
        ({"users": {}}, "'users' in the seed file must be a list"),
        ({"users": [{"full_name": "x"}]}, r"users\[1\] in the seed file has no name"),
        ({"users": [{"name": "-x"}]}, "'-x' cannot be used as a name"),
        ({"users": [{"name": "x", "tokens": [{"role": "read"}]}]}, "Token 0 of user 'x'"),
        (
            {"organizations": [{"name": "o", "members": [{"user": "ghost"}]}]},
            "the member 'ghost', who does not exist",
        ),
    ],
)
def test_a_wrong_seed_file_changes_nothing_and_says_where(hub: Hub, document, told):
    good = (
        {"users": [{"name": "fine"}, *document.get("users", [])]}
        if isinstance(document.get("users"), list)
        else {}
    )
    with pytest.raises(Invalid, match=told):
        seed(hub.store, document | good)

    with hub.store.read() as tx:
        assert tx.accounts.num_users() == 0


@pytest.mark.parametrize(
    "name", ["", "api", "Datasets", "-a", "a-", "a--b", "a..b", "a/b", "a b", "ü", "x" * 97, ".a"]
)
def test_names_that_no_account_may_have(name: str):
    with pytest.raises(InvalidName):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "__DUMMY_HUB_USER__", "hub.js", "A-b_c.9"])
def test_names_that_accounts_may_have(name: str):
    assert check_name(name) == name
