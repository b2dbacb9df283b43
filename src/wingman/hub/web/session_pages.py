"""Signing in and out, the first start, and the choice of light or dark."""

from starlette.responses import Response

from wingman.hub.accounts.model import User
from wingman.hub.accounts.service import MIN_PASSWORD_LENGTH, SESSION_DAYS, InvalidToken, WrongCredentials
from wingman.hub.accounts.throttle import TooManyTries
from wingman.hub.errors import Forbidden
from wingman.hub.http.requests import SESSION_COOKIE
from wingman.hub.web.page import THEME_COOKIE, THEMES, PageRequest, go_to, page, safe_next, show

FORM_BYTES = 64 << 10
"""These forms are sent by anybody, and may wait for their turn: none is large."""


def login_form(request: PageRequest) -> Response:
    target = safe_next(request.query("next", "/"))
    if request.signed_in is not None:
        return go_to(target)
    return show(request, "login.html", next=target, name="", problem="")


def login(request: PageRequest) -> Response:
    _refuse_strangers(request)
    target = safe_next(request.field("next", "/"))
    name = request.field("name").strip()
    try:
        origin = request.client.host if request.client else ""
        secret = request.hub.accounts.sign_in(name, request.field("password"), origin=origin)
    except WrongCredentials as error:
        return show(request, "login.html", 401, next=target, name=name, problem=str(error))
    except TooManyTries as error:
        wait = {"Retry-After": str(error.retry_after_s)}
        return show(request, "login.html", 429, wait, next=target, name=name, problem=str(error))
    return with_session(request, go_to(target), secret)


def logout(request: PageRequest) -> Response:
    request.check_token(request.field("csrf"))
    request.hub.accounts.sign_out(request.cookies[SESSION_COOKIE])
    response = go_to("/")
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


def first_form(request: PageRequest) -> Response:
    """The link that the first start printed: the administrator chooses a password. It works once."""
    secret = request.query("token")
    user = _first_administrator(request, secret)
    return show(request, "first_start.html", name=user.name, secret=secret, problem="")


def first(request: PageRequest) -> Response:
    _refuse_strangers(request)
    secret, password = request.field("token"), request.field("password")
    user = _first_administrator(request, secret)
    problem = ""
    if password != request.field("again"):
        problem = "The two passwords differ. Type them again."
    elif len(password) < MIN_PASSWORD_LENGTH:
        problem = f"A password needs at least {MIN_PASSWORD_LENGTH} characters."
    if problem:
        return show(request, "first_start.html", 400, name=user.name, secret=secret, problem=problem)
    request.hub.accounts.set_password(user.id, password)
    return with_session(request, go_to("/"), request.hub.accounts.open_session(user.id))


class FirstStartOver(Forbidden):
    """The link of the first start was used already, or never was one."""

    def __init__(self) -> None:
        super().__init__(
            "This link has done its work, or is not the one the Hub printed. Sign in with your password; if it is "
            "lost, run on the Hub's machine: wingman admin reset-password admin"
        )


def _first_administrator(request: PageRequest, secret: str) -> User:
    """Whoever holds the token, as long as no password was ever set. Raises `FirstStartOver`."""
    try:
        caller = request.hub.accounts.caller_for_token(secret)
    except InvalidToken as error:
        raise FirstStartOver from error
    user = caller.user
    if user is None or user.has_password or not user.is_admin or not caller.may_write_at_all:
        raise FirstStartOver
    return user


def theme(request: PageRequest) -> Response:
    chosen = request.field("theme", "auto")
    response = go_to(safe_next(request.field("next", "/")))
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE, chosen, max_age=365 * 86400, path="/", httponly=True, samesite="lax"
        )
    return response


def _refuse_strangers(request: PageRequest) -> None:
    """Forms that come before a session have no token: the browser itself says where they were sent from."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    own = {request.base, f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if site not in ("same-origin", "none") or (origin is not None and origin not in own):
        raise SentFromElsewhere


class SentFromElsewhere(Forbidden):
    """A sign-in form that another site sent."""

    def __init__(self) -> None:
        super().__init__("This form was sent from another site. Open the sign-in page here and try again.")


def with_session(request: PageRequest, response: Response, secret: str) -> Response:
    """A session begins with a new secret, whatever cookie came with the request."""
    if old := request.cookies.get(SESSION_COOKIE):
        request.hub.accounts.sign_out(old)
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=SESSION_DAYS * 86400,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.base.startswith("https://"),
    )
    return response


routes = [
    page("/login", login_form),
    page("/login", login, "POST", body_limit=FORM_BYTES),
    page("/login/first", first_form),
    page("/login/first", first, "POST", body_limit=FORM_BYTES),
    page("/logout", logout, "POST", body_limit=FORM_BYTES),
    page("/theme", theme, "POST", body_limit=FORM_BYTES),
]
