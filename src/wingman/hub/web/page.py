"""A page: the browser's request, the rendered answer, and what both must carry to be safe.

Every page has a strict Content-Security-Policy; every form a token that belongs to the session; every error a page
that says what to do and nothing that the reader may not know.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wingman.hub.access.model import ANONYMOUS, Caller
from wingman.hub.accounts.model import User
from wingman.hub.errors import Forbidden, HubError, Invalid, Unauthorized
from wingman.hub.http.errors import answer_for, handle_crash
from wingman.hub.http.requests import BODY_LIMIT, CSRF_HEADER, HubRequest, read_body
from wingman.hub.repos.model import RepoGated, RepoMissing
from wingman.hub.web.templating import render

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie",
}
THEME_COOKIE = "wingman_theme"
THEMES = ("auto", "light", "dark")
CSRF_FIELD = "csrf"


class StaleForm(Forbidden):
    """A form without the token of this session: sent from elsewhere, or after signing in again."""

    def __init__(self) -> None:
        super().__init__("This form is out of date. Go back, load the page again, and repeat what you did.")


class PageRequest(HubRequest):
    """A browser's request. Changes count only with the session's own form token."""

    @cached_property
    def caller(self) -> Caller:
        """Whoever is signed in. Raises `StaleForm` for a change without the session's token."""
        session = self.signed_in
        if session is None:
            return ANONYMOUS
        if self.method not in ("GET", "HEAD"):
            self.check_token(self.field(CSRF_FIELD))
        return session.caller

    def check_token(self, given: str) -> None:
        """Compare a form's token, else the header that scripts send, with the session's. Raises `StaleForm`."""
        session = self.signed_in
        given = given or self.headers.get(CSRF_HEADER, "")
        if session is None or not hmac.compare_digest(given.encode(), session.csrf.encode()):
            raise StaleForm

    @cached_property
    def user(self) -> User:
        """Raises `SignInNeeded`."""
        if self.caller.user is None:
            raise SignInNeeded
        return self.caller.user

    def field(self, name: str, default: str = "") -> str:
        """One value of the form that was sent."""
        return self.form_fields.get(name, [default])[0]

    def query(self, name: str, default: str = "") -> str:
        return self.query_params.get(name, default)

    @property
    def theme(self) -> str:
        chosen = self.cookies.get(THEME_COOKIE, "auto")
        return chosen if chosen in THEMES else "auto"

    @property
    def here(self) -> str:
        """This page's address below the Hub, for coming back to it."""
        path = self.scope["path"]
        return f"{path}?{self.url.query}" if self.url.query else path


class SignInNeeded(Unauthorized):
    """The page is only for people who are signed in."""

    def __init__(self) -> None:
        super().__init__("Sign in to see this page.")


def safe_next(target: str) -> str:
    """`target` if it is an address of this Hub, else `/`: what follows a sign-in must not lead elsewhere.

    >>> safe_next("/settings/tokens?new=1"), safe_next("//evil.example"), safe_next("https://evil.example/")
    ('/settings/tokens?new=1', '/', '/')
    """
    # Browsers read a backslash as a slash, and drop tabs and line ends, before they look at an address.
    if not target.startswith("/") or any(char in "\\\t\r\n" or ord(char) < 32 for char in target):
        return "/"
    try:
        parts = urlsplit(target)
    except ValueError:  # `//[`: the beginning of an address that never ends
        return "/"
    return "/" if target.startswith("//") or parts.scheme or parts.netloc else target


def show(
    request: PageRequest,
    template: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """Render a template with what every page knows: who is signed in, the theme, the form token."""
    html = show_part(request, template, **values)
    return Response(html, status, {**PAGE_HEADERS, **(headers or {})}, media_type="text/html")


def show_part(request: PageRequest, template: str, **values: Any) -> str:
    """A part of a page as HTML, with what every page knows."""
    session = request.signed_in
    return render(
        template,
        request=request,
        viewer=session.caller.user if session else None,
        csrf=session.csrf if session else "",
        theme=request.theme,
        hub_name=request.hub.settings.name,
        base=request.base,
        here=request.here,
        **values,
    )


def go_to(address: str) -> Response:
    """Show another page after a change (303: the browser asks for it with GET)."""
    return RedirectResponse(quote(address, safe="/?&=#%:+,@~!$'()*;[]"), 303, PAGE_HEADERS)


PageEndpoint = Callable[[PageRequest], Response]


def page(path: str, endpoint: PageEndpoint, *methods: str, body_limit: int = BODY_LIMIT) -> Route:
    """A route to a page. Runs in a worker thread; what the Hub refuses becomes a page too."""

    async def run(request: Request) -> Response:
        asked = PageRequest(request.scope, request.receive)
        try:
            if asked.method not in ("GET", "HEAD"):
                asked.body_bytes = await read_body(asked, body_limit)
            return await run_in_threadpool(endpoint, asked)
        except HubError as error:
            return await run_in_threadpool(error_page, asked, error)

    return Route(path, run, methods=list(methods) or ["GET"])


def async_page(path: str, endpoint: Callable[[PageRequest], Awaitable[Response]], *methods: str) -> Route:
    """A route to a page that waits for something other than a store: a model's answer, a flight's news."""

    async def run(request: Request) -> Response:
        asked = PageRequest(request.scope, request.receive)
        try:
            if asked.method not in ("GET", "HEAD"):
                asked.body_bytes = await read_body(asked, BODY_LIMIT)
            return await endpoint(asked)
        except HubError as error:
            return await run_in_threadpool(error_page, asked, error)

    return Route(path, run, methods=list(methods) or ["GET"])


def wants_page(request: Request) -> bool:
    """Whether a browser is asking for something to look at, not a client for data."""
    path = request.scope["path"]
    return "text/html" in request.headers.get("accept", "") and not path.startswith("/api/")


def error_page(request: PageRequest, error: HubError) -> Response:
    if isinstance(error, SignInNeeded):
        return go_to(f"/login?next={quote(request.here if request.method == 'GET' else '/', safe='')}")
    status = answer_for(error, base_url=request.base).status
    # A missing repository and a hidden one are told in the same words: nobody learns which it is.
    is_hidden = isinstance(error, RepoMissing)
    if is_hidden:
        status = 404
    return show(
        request,
        "error.html",
        status,
        code=status,
        headline=_headline(error, status),
        message="" if is_hidden or status == 404 else str(error),
        is_gated=isinstance(error, RepoGated),
    )


def _headline(error: HubError, status: int) -> str:
    if isinstance(error, RepoGated):
        return "The owner decides who may read this"
    if isinstance(error, Invalid):
        return "That did not work"
    return {
        401: "Sign in first",
        403: "You may not do this",
        404: "There is nothing here",
        409: "That is in the way",
        412: "Somebody was faster",
        413: "That is too large",
        507: "The disk is full",
    }.get(status, "That did not work")


def missing_page(request: Request) -> Response:
    """The page for an address that leads nowhere."""
    asked = PageRequest(request.scope, request.receive)
    return show(
        asked, "error.html", 404, code=404, headline="There is nothing here", message="", is_gated=False
    )


async def crash_page(request: Request, error: Exception) -> Response:
    """Our own mistake: logged as ever, and told without details."""
    logged = await handle_crash(request, error)
    asked = PageRequest(request.scope, request.receive)
    message = "The Hub made a mistake while making this page; its log has the details."
    response = show(
        asked, "error.html", 500, code=500, headline="That is our fault", message=message, is_gated=False
    )
    response.headers["X-Request-Id"] = logged.headers["X-Request-Id"]
    return response
