"""One's own settings: profile, password, access tokens."""

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from wingman.hub.accounts.model import TokenRole
from wingman.hub.accounts.service import WrongCredentials
from wingman.hub.errors import HubError, Invalid
from wingman.hub.web.page import PageRequest, go_to, page, show
from wingman.hub.web.session_pages import with_session

LIFETIMES = (
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "a year"),
    ("", "does not expire"),
)


def profile_form(request: PageRequest) -> Response:
    return _profile_page(request)


def _profile_page(request: PageRequest, *, status: int = 200, problem: str = "", done: str = "") -> Response:
    return show(
        request, "settings_profile.html", status, tab="profile", user=request.user, problem=problem, done=done
    )


def profile(request: PageRequest) -> Response:
    request.hub.accounts.update_profile(
        request.user.id,
        full_name=request.field("full_name").strip()[:200],
        email=request.field("email").strip()[:200],
        about=request.field("about").strip()[:2000],
    )
    return go_to("/settings/profile?done=profile")


def password(request: PageRequest) -> Response:
    """A new password ends every session; this browser gets a new one."""
    user, accounts = request.user, request.hub.accounts
    chosen = request.field("password")
    try:
        accounts.sign_out(accounts.sign_in(user.name, request.field("current")))
        if chosen != request.field("again"):
            raise Invalid("The two new passwords differ. Type them again.")
        accounts.set_password(user.id, chosen)
    except WrongCredentials:
        return _profile_page(request, status=400, problem="The current password is not right.")
    except HubError as error:
        return _profile_page(request, status=400, problem=str(error))
    return with_session(request, go_to("/settings/profile?done=password"), accounts.open_session(user.id))


def tokens_form(request: PageRequest) -> Response:
    return _tokens_page(request)


def _tokens_page(request: PageRequest, *, status: int = 200, **values: Any) -> Response:
    return show(
        request,
        "settings_tokens.html",
        status,
        tab="tokens",
        tokens=request.hub.accounts.tokens(request.user.id),
        lifetimes=LIFETIMES,
        now=datetime.now(UTC),
        **{"secret": "", "problem": "", **values},
    )


def create_token(request: PageRequest) -> Response:
    """The answer shows the secret, this one time."""
    days = request.field("days")
    if days not in dict(LIFETIMES) or request.field("role") not in {*TokenRole}:
        raise Invalid("A token needs a scope and a lifetime from the lists.")
    expires_at = datetime.now(UTC) + timedelta(days=int(days)) if days else None
    try:
        secret, _ = request.hub.accounts.create_token(
            request.user.id,
            name=request.field("name")[:100],
            role=TokenRole(request.field("role")),
            expires_at=expires_at,
        )
    except Invalid as error:
        return _tokens_page(request, status=400, problem=str(error))
    return _tokens_page(request, secret=secret)


def revoke_token(request: PageRequest) -> Response:
    number = request.field("id")
    if number.isascii() and number.isdigit():
        request.hub.accounts.revoke_token(request.user.id, int(number))
    return go_to("/settings/tokens")


def settings_home(request: PageRequest) -> Response:
    return go_to("/settings/profile")


routes: list[Route] = [
    page("/settings", settings_home),
    page("/settings/profile", profile_form),
    page("/settings/profile", profile, "POST"),
    page("/settings/password", password, "POST"),
    page("/settings/tokens", tokens_form),
    page("/settings/tokens", create_token, "POST"),
    page("/settings/tokens/revoke", revoke_token, "POST"),
]
