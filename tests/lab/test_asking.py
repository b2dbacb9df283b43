"""Asking an endpoint whether it serves what was published, and telling a Hub's page: with servers that misbehave."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wingman.lab.errors import HubError
from wingman.lab.hub import Hub
from wingman.lab.relay import Relay
from wingman.lab.steps import serve

pytestmark = pytest.mark.slow


class Misbehaving(ThreadingHTTPServer):
    """Answers POST with the `statuses`, one after another, the last one for ever; waits for `gate` first."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

        class Handler(BaseHTTPRequestHandler):
            server: Misbehaving

            def _answer(self) -> None:
                self.server.asked.append(f"{self.command} {self.path}")
                self.rfile.read(int(self.headers["content-length"]))
                self.server.gate.wait(20)
                status = self.server.statuses.pop(0) if len(self.server.statuses) > 1 else self.server.statuses[0]
                self.send_response(status)
                self.send_header("content-length", "4")
                self.end_headers()
                self.wfile.write(b"oh  ")

            do_POST = do_PUT = _answer

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def hub(self) -> Hub:
        return Hub(f"http://127.0.0.1:{self.server_port}", None, "me", ("me",))


@pytest.fixture
def misbehaving() -> Iterator[Misbehaving]:
    server = Misbehaving(200)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.gate.set()
    server.shutdown()
    server.server_close()


def wait_until_ready(server: Misbehaving):
    with serve._client(server.hub) as client:
        return serve._wait_until_ready(client, f"{server.hub.endpoint}/models/me/x", "a text", 2, server.hub)


@pytest.mark.parametrize("status", [404, 501])
def test_a_hub_that_serves_no_models_is_not_an_error(misbehaving, status):
    misbehaving.statuses = [status]

    assert wait_until_ready(misbehaving) is None


def test_a_model_that_is_being_loaded_is_waited_for(misbehaving):
    misbehaving.statuses = [503, 503, 200]

    assert wait_until_ready(misbehaving).status_code == 200


@pytest.mark.parametrize("status", [403, 413, 422, 500])
def test_an_endpoint_that_cannot_answer_is_an_error_that_says_why(misbehaving, status):
    misbehaving.statuses = [status]

    with pytest.raises(HubError, match=rf"does not answer \({status}: oh .*run the same command again"):
        wait_until_ready(misbehaving)


def test_a_page_that_takes_nothing_more_keeps_no_flight_from_ending(misbehaving, monkeypatch):
    monkeypatch.setattr("wingman.lab.relay._MAX_WAITING", 3)
    misbehaving.gate.clear()
    relay = Relay(misbehaving.hub, "flight", {})

    for number in range(20):
        relay({"event": "progress", "done": number})
    closing = threading.Thread(target=relay.close, daemon=True)
    closing.start()
    closing.join(15)

    assert not closing.is_alive()


def test_files_wait_until_the_page_is_there(misbehaving, tmp_path):
    (tmp_path / "recipe.yaml").write_text("seed: 0\n")
    misbehaving.gate.clear()
    relay = Relay(misbehaving.hub, "flight", {})
    threading.Timer(0.3, misbehaving.gate.set).start()

    relay.send_file("recipe.yaml", tmp_path / "recipe.yaml")
    deadline = time.monotonic() + 10
    while len(misbehaving.asked) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    relay.close()

    assert misbehaving.asked[:2] == [
        "POST /api/wingman/flights",
        "PUT /api/wingman/flights/flight/files/recipe.yaml",
    ]
