"""A Hub on a server without git."""

import asyncio

from wingman.hub.app import Hub, create_app
from wingman.hub.repos.model import RepoKind


def get(app, path: str, query: str) -> tuple[int, bytes]:
    """One request without a server."""
    sent = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"hub")],
        "client": ("127.0.0.1", 1),
        "server": ("hub", 80),
    }

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_cloning_is_answered_with_what_to_install(hub: Hub, alice, monkeypatch):
    hub.repos.create(alice, kind=RepoKind.MODEL, name="model")
    monkeypatch.setenv("PATH", "/nonexistent")

    status, text = get(create_app(hub), "/alice/model/info/refs", "service=git-upload-pack")

    assert status == 501
    assert b"apt-get install git" in text
