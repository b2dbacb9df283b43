"""A repository asked for by a name that is not its own: one it had before, or another spelling.

Source: reference of the wire contract, section 0: the public Hub answers 307, to API and resolve addresses. Only
requests that read are sent on: a commit to a differently cased name must work where it arrives.
"""

from urllib.parse import quote, urlsplit

from wingman.hub.errors import HubError


class Moved(HubError):
    """The same thing stands at another address, `location`, relative to this server.

    Relative, because huggingface_hub follows a HEAD's redirect only within the server that it asked.
    """

    def __init__(self, location: str) -> None:
        super().__init__(f"This repository's address is {location}.")
        self.location = location


def renamed(path: str, query: str, *, prefix: str, old: str, new: str, base: str) -> str:
    """The address asked for, with the repository's name replaced, below the path of the Hub's `base`.

    path: encoded; `prefix`, a slash and `old` as they stand in it come first. new: `namespace/name`, not encoded.

    >>> renamed("/api/models/ME/m/tree/a%2Fb", "limit=2", prefix="/api/models", old="ME/m", new="me/m", base="http://hub")
    '/api/models/me/m/tree/a%2Fb?limit=2'
    """
    rest = path[len(f"{prefix}/{old}") :]
    return f"{urlsplit(base).path.rstrip('/')}{prefix}/{quote(new)}{rest}" + (f"?{query}" if query else "")
