"""Posting a flight's events to the Hub it publishes to, so that its page shows them live.

Best effort by design: a flight never waits for its audience. A Hub that has no such page (404, 405) is not asked again.
"""

import json
import platform
import queue
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from wingman.lab.events import now
from wingman.lab.hub import Hub
from wingman.lab.strict_json import dump_strictly

_EVERY_SECONDS = 1.0
_MAX_WAITING = 10_000
_GIVE_UP_AFTER = 3
_REGISTERING_SECONDS = 10.0


class Relay:
    """A listener for `Events` that sends them in bundles from a thread of its own."""

    def __init__(self, hub: Hub, flight_id: str, about: dict[str, Any]) -> None:
        self._hub = hub
        self._url = f"{hub.endpoint}/api/wingman/flights"
        self._id = flight_id
        self._about = about
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(_MAX_WAITING)
        self._failures = 0
        self._off = False
        self._is_registered = threading.Event()
        self._thread = threading.Thread(target=self._work, name="relay", daemon=True)
        self._thread.start()

    def __call__(self, event: dict[str, Any]) -> None:
        if not self._off:
            try:
                self._waiting.put_nowait(event)
            except queue.Full:
                self._off = True

    def send_file(self, name: str, path: Path) -> None:
        """A small artefact for the run's page, which has to be there first."""
        if path.is_file() and self._is_registered.wait(_REGISTERING_SECONDS) and not self._off:
            self._request("PUT", f"{self._url}/{self._id}/files/{name}", content=path.read_bytes())

    def close(self) -> None:
        """Send what is left, for at most a few seconds."""
        with suppress(queue.Full):  # then nobody reads any more
            self._waiting.put_nowait(None)
        self._thread.join(timeout=5)

    def _work(self) -> None:
        body = {"id": self._id, "host": platform.node(), "started_at": now(), **self._about}
        self._request("POST", self._url, content=json.dumps(body).encode(), kind="application/json")
        self._is_registered.set()
        is_open = True
        while is_open and not self._off:
            bundle, is_open = self._next_bundle()
            if bundle:
                lines = "".join(dump_strictly(entry, default=str) + "\n" for entry in bundle)
                self._request(
                    "POST",
                    f"{self._url}/{self._id}/events",
                    content=lines.encode(),
                    kind="application/x-ndjson",
                )

    def _next_bundle(self) -> tuple[list[dict[str, Any]], bool]:
        """Wait for an event and take what comes within a second; also whether more may follow."""
        bundle: list[dict[str, Any]] = []
        event = self._waiting.get()
        deadline = time.monotonic() + _EVERY_SECONDS
        while event is not None:
            bundle.append(event)
            try:
                event = self._waiting.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return bundle, True
        return bundle, False

    def _request(
        self, method: str, url: str, *, content: bytes, kind: str = "application/octet-stream"
    ) -> None:
        import httpx2 as httpx

        headers = {"Content-Type": kind}
        if self._hub.token:
            headers["Authorization"] = f"Bearer {self._hub.token}"
        try:
            status = httpx.request(method, url, content=content, headers=headers, timeout=5).status_code
        except httpx.HTTPError:
            status = 0
        if status in (404, 405, 401, 403, 501):
            self._off = True
        elif status >= 500 or status == 0:
            self._failures += 1
            self._off = self._failures >= _GIVE_UP_AFTER
        else:
            self._failures = 0
