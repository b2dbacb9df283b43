"""Reaching a Hub through its public client: who am I there, may I write, what is there already."""

import os
from dataclasses import dataclass
from typing import Any

from wingman.lab.errors import HubError

DEFAULT_ENDPOINT = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class Hub:
    """A Hub that answered.

    user:     None for a visitor.
    writable: namespaces to which the user may publish, though not with a token that `only_reads`.
    """

    endpoint: str
    token: str | None
    user: str | None
    writable: tuple[str, ...]
    only_reads: bool = False

    def api(self) -> Any:
        return make_api(self.endpoint, self.token)


def make_api(endpoint: str | None, token: str | None) -> Any:
    """The public client, without its own progress bars: the flight shows its own."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    return HfApi(endpoint=endpoint, token=token or False, library_name="wingman")


def chosen_endpoint(named: str | None) -> str:
    """The Hub to speak to: the one named, `HF_ENDPOINT`, or the local one. Never a public Hub by accident."""
    return (named or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def connect(endpoint: str, token: str | None) -> Hub:
    """Raises `HubError` when nobody answers at `endpoint` or the token is refused."""
    import httpx2 as httpx
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError

    token = token or get_token()
    try:
        if token is None:
            httpx.get(f"{endpoint}/api/models", params={"limit": 1}, timeout=10).raise_for_status()
            return Hub(endpoint, None, None, ())
        who = HfApi(endpoint=endpoint, token=token).whoami()
    except (HfHubHTTPError, httpx.HTTPStatusError) as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise HubError(
                f"The Hub at {endpoint} does not accept this token. Make a new one. {_token_from(endpoint)}",
                endpoint=endpoint,
            ) from error
        raise HubError(
            f"The Hub at {endpoint} answers with an error ({error}).", endpoint=endpoint
        ) from error
    except (httpx.TransportError, OSError) as error:
        raise HubError(
            f"No Hub answers at {endpoint} ({error}). Start it with: wingman up", endpoint=endpoint
        ) from error
    organizations = [
        entry["name"]
        for entry in who.get("orgs", [])
        if entry.get("roleInOrg", "write") in ("admin", "write", "contributor", "contribute")
    ]
    only_reads = who.get("auth", {}).get("accessToken", {}).get("role") == "read"
    return Hub(endpoint, token, who["name"], (who["name"], *organizations), only_reads)


def check_target(hub: Hub, repo: str) -> None:
    """Raise `HubError` unless `repo` is a valid name in a namespace this user may write to."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise HubError(f"{repo!r} is not a valid repository name: {error}", endpoint=hub.endpoint) from error
    if hub.user is None:
        raise HubError(
            f"To publish on {hub.endpoint}, log in first: HF_ENDPOINT={hub.endpoint} hf auth login",
            endpoint=hub.endpoint,
        )
    namespace = repo.split("/")[0] if "/" in repo else ""
    if namespace not in hub.writable:
        raise HubError(
            (
                f"{hub.user} may not publish to {repo!r} on {hub.endpoint}; namespaces open to this "
                f"token: {', '.join(hub.writable)}."
            ),
            endpoint=hub.endpoint,
        )


def check_token(hub: Hub) -> None:
    """Raise `HubError` when this token may only read. A dry run needs no more, so it is asked before a flight."""
    if hub.only_reads:
        raise HubError(
            f"The token of {hub.user} on {hub.endpoint} may only read. Make one that may write. "
            f"{_token_from(hub.endpoint)}",
            endpoint=hub.endpoint,
        )


def _token_from(endpoint: str) -> str:
    """Where to make a token and how to use it. What refuses one does not know which of three places it came from."""
    return (
        f"Tokens are made at {endpoint}/settings/tokens, and used with export HF_TOKEN=… (it goes before the file "
        f"admin-token of a Hub that runs here, and that before HF_ENDPOINT={endpoint} hf auth login)"
    )


def explain_lost_hub(error: Exception, hub: Hub) -> None:
    """Raise `HubError` from `error` if it came of a Hub that went away, or broke a request off, half-way.

    What transfers large files raises errors of its own for it: then the Hub itself is asked.
    """
    import httpx2 as httpx

    again = "Then run the same command again; it goes on from here."
    try:
        connect(hub.endpoint, hub.token)
    except HubError as gone:
        raise HubError(f"{gone}. {again}", endpoint=hub.endpoint) from error
    if isinstance(error, httpx.TransportError):
        raise HubError(
            f"The Hub at {hub.endpoint} broke a request off ({error}). See that it is well. {again}",
            endpoint=hub.endpoint,
        ) from error
