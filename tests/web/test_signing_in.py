"""First start, sign-in, sign-out: sessions nobody can fix, forms others cannot send, addresses that stay here."""

from collections.abc import Callable

import pytest

from tests.web.conftest import BASE, PASSWORD, Browser, token_in
from wingman.hub.access.model import Caller
from wingman.hub.accounts.model import TokenRole
from wingman.hub.app import Hub
from wingman.hub.http.requests import SESSION_COOKIE


@pytest.fixture
def alice(hub: Hub) -> Caller:
    """Here she signs in by herself, and so needs a password."""
    return Caller(user=hub.accounts.create_user("alice", password=PASSWORD))


def test_the_first_start_sets_a_password_once(hub: Hub, visitor: Browser):
    secret = hub.accounts.ensure_first_admin()
    link = f"/login/first?token={secret}"
    assert "admin" in visitor.get(link).text

    short = visitor.post("/login/first", {"token": secret, "password": "short", "again": "short"})
    done = visitor.post("/login/first", {"token": secret, "password": PASSWORD, "again": PASSWORD})

    assert short.status_code == 400
    assert "at least 8" in short.text
    assert done.status_code == 303
    assert token_in(visitor.get("/").text)
    assert visitor.get(link).status_code == 403


def test_the_first_start_link_is_no_way_in_for_others(hub: Hub, bob: Caller, visitor: Browser):
    secret, _ = hub.accounts.create_token(bob.user.id, name="mine", role=TokenRole.WRITE)

    assert visitor.get(f"/login/first?token={secret}").status_code == 403
    assert visitor.get("/login/first?token=hf_guess").status_code == 403


def test_signing_in_and_out(alice: Caller, visitor: Browser):
    assert "Sign in" in visitor.get("/").text

    assert visitor.sign_in("alice").status_code == 303
    assert "Signed in as" in visitor.get("/").text

    visitor.submit("/", "/logout", {})
    assert "Signed in as" not in visitor.get("/").text


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(alice: Caller, visitor: Browser):
    wrong = visitor.sign_in("alice", "not the password")
    unknown = visitor.sign_in("nobody", "not the password")

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("alice", "") == unknown.text.replace("nobody", "")


def test_a_session_begins_with_a_new_cookie(alice: Caller, visitor: Browser):
    visitor.client.cookies.set(SESSION_COOKIE, "chosen-by-an-attacker", domain="hub.test")

    cookie = visitor.sign_in("alice").headers["set-cookie"]

    assert "chosen-by-an-attacker" not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_signing_in_again_ends_the_session_before(
    alice: Caller, visitor: Browser, new_browser: Callable[[], Browser]
):
    visitor.sign_in("alice")
    stolen = new_browser()
    stolen.client.cookies.set(SESSION_COOKIE, visitor.client.cookies[SESSION_COOKIE], domain="hub.test")

    visitor.sign_in("alice")

    assert "Signed in as" not in stolen.get("/").text


def test_signing_out_ends_the_session_on_the_hub_too(as_alice: Browser, new_browser: Callable[[], Browser]):
    copy = new_browser()
    copy.client.cookies.set(SESSION_COOKIE, as_alice.client.cookies[SESSION_COOKIE], domain="hub.test")

    as_alice.submit("/", "/logout", {})

    assert "Signed in as" not in copy.get("/").text


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/settings/tokens?new=1", "/settings/tokens?new=1"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\n/evil.example", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_nowhere_else(alice: Caller, visitor: Browser, target: str, expected: str):
    answer = visitor.post("/login", {"name": "alice", "password": PASSWORD, "next": target})

    assert answer.headers["location"] == expected


def test_a_sign_in_form_of_another_site_is_refused(alice: Caller, visitor: Browser):
    fields = {"name": "alice", "password": PASSWORD}

    assert visitor.post("/login", fields, origin="https://evil.example").status_code == 403
    assert visitor.post("/login", fields, **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert visitor.post("/login", fields, origin=BASE).status_code == 303


CHANGES = [
    ("/settings/profile", {"full_name": "Mallory"}),
    ("/settings/password", {"current": PASSWORD, "password": "another one", "again": "another one"}),
    ("/settings/tokens", {"name": "x", "role": "write", "days": ""}),
    ("/settings/tokens/revoke", {"id": "1"}),
    ("/new", {"kind": "model", "name": "made", "owner": "alice", "visibility": "public"}),
    ("/alice/model/like", {}),
    ("/alice/model/settings", {"action": "delete", "confirm": "alice/model"}),
    ("/alice/model/new/main", {"path": "a.txt", "text": "x"}),
    ("/alice/model/edit/main/README.md", {"text": "x"}),
    ("/alice/model/delete/main/README.md", {}),
    ("/alice/model/move/main/README.md", {"to": "b.md"}),
    ("/alice/model/upload/main", {"folder": ""}),
    ("/datasets/alice/data/fly", {"action": "fly", "to": "alice/x", "method": "full", "base": ""}),
    ("/flights/some/stop", {}),
    ("/flights/some/delete", {}),
    ("/logout", {}),
]


@pytest.mark.parametrize("token", [None, "", "made-up"])
def test_no_form_works_without_the_sessions_token(
    as_alice: Browser, make_repo: Callable[..., object], token: str | None
):
    make_repo("model", {"README.md": "# Here"})

    for address, fields in CHANGES:
        answer = as_alice.post(address, fields if token is None else {**fields, "csrf": token})
        assert answer.status_code == 403, address
        assert "out of date" in answer.text, address
    assert as_alice.get("/alice/model").status_code == 200


def test_a_token_of_another_session_is_no_better(as_alice: Browser, as_bob: Browser):
    foreign = token_in(as_bob.get("/").text)

    answer = as_alice.post("/settings/profile", {"full_name": "Mallory", "csrf": foreign})

    assert answer.status_code == 403


def test_changing_the_password_signs_every_other_browser_out(
    as_alice: Browser, new_browser: Callable[[], Browser]
):
    other = new_browser()
    other.sign_in("alice")

    answer = as_alice.submit(
        "/settings/profile",
        "/settings/password",
        {"current": PASSWORD, "password": "quite another", "again": "quite another"},
    )

    assert answer.status_code == 303
    assert "Signed in as" in as_alice.get("/").text
    assert "Signed in as" not in other.get("/").text
    assert other.sign_in("alice", "quite another").status_code == 303


def test_pages_for_people_lead_to_the_sign_in_and_back(visitor: Browser, alice: Caller):
    answer = visitor.get("/settings/tokens")

    assert answer.headers["location"] == "/login?next=%2Fsettings%2Ftokens"


def test_the_theme_is_remembered_and_leads_nowhere_else(visitor: Browser):
    answer = visitor.post("/theme", {"theme": "dark", "next": "//evil.example"})

    assert answer.headers["location"] == "/"
    assert 'data-theme="dark"' in visitor.get("/").text


def test_a_form_before_a_session_is_small(visitor):
    answer = visitor.post("/login", {"name": "alice", "password": "x" * 100_000})

    assert answer.status_code == 413
