"""The ASGI application of one served model: bytes and statuses, nothing else.

    POST /, POST /predict    ask the model                       GET /, GET /health    200 when it can answer
                                                                 GET /health/live      200 as long as we run

Plain ASGI: at one sentence a request, routing by a framework would be a good part of the whole cost.
Every failure is `{"error": "…"}`.
"""

import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from wingman.serve.engine import TextInput
from wingman.serve.errors import (
    BadRequest,
    BodyTooLarge,
    Busy,
    EngineFailed,
    Malformed,
    NotReady,
    ServeError,
    Unprocessable,
)
from wingman.serve.loading import LoadedModel
from wingman.serve.scheduler import Scheduler

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

STATUS: Mapping[type[ServeError], int] = {
    Malformed: 400,
    BodyTooLarge: 413,
    Unprocessable: 422,
    BadRequest: 400,
    EngineFailed: 500,
    NotReady: 503,
    Busy: 503,
}
LOADING_RETRY_S = 2
_JSON = (b"content-type", b"application/json")


class InferenceApp:
    """Answers from the first moment; the model arrives later through `ready`.

    max_body_bytes: of one request. max_rows: inputs in one request.
    `num_active` and `last_asked` (monotonic seconds) tell whoever owns the process whether it is idle.
    """

    def __init__(self, *, max_body_bytes: int, max_rows: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._max_rows = max_rows
        self._model: LoadedModel | None = None
        self._scheduler: Scheduler | None = None
        self.loading_step = "starting"
        self.num_active = 0
        self.last_asked = time.monotonic()

    def ready(self, model: LoadedModel, scheduler: Scheduler) -> None:
        """From now on, answer."""
        self._model, self._scheduler = model, scheduler
        self.last_asked = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        if path == "/health/live":
            await _send_json(send, 200, {"status": "live"})
        elif path in ("/", "/health", "/health/ready") and method in ("GET", "HEAD"):
            await self._send_health(send)
        elif path in ("/", "/predict") and method == "POST":
            await self._answer(scope, receive, send)
        elif path in ("/", "/predict"):
            error = f"{method} is not answered here; POST a question."
            await _send_json(
                send, 405, {"error": error}, headers=[(b"allow", b"POST, GET" if path == "/" else b"POST")]
            )
        else:
            await _send_json(send, 404, {"error": f"There is no {path} here; POST / asks the model."})

    async def _send_health(self, send: Send) -> None:
        if self._model is None:
            await _send_json(
                send, 503, {"status": "loading", "step": self.loading_step}, headers=_retry(LOADING_RETRY_S)
            )
            return
        facts = self._model.facts
        await _send_json(
            send,
            200,
            {
                "status": "ready",
                "model": self._model.name,
                "revision": self._model.revision,
                "task": facts.task,
                "labels": facts.labels,
                "max_length": facts.max_length,
                "precision": facts.precision,
                "file": facts.onnx_file,
                "num_active": self.num_active,
            },
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.num_active += 1
        try:
            answer, headers = await self._predict(await self._body(scope, receive))
        except ServeError as error:
            retry_after = error.retry_after_s if isinstance(error, Busy) else LOADING_RETRY_S
            status = STATUS[type(error)]
            await _send_json(
                send, status, {"error": str(error)}, headers=_retry(retry_after) if status == 503 else ()
            )
        except _Disconnected:
            pass
        except Exception:  # noqa: BLE001 - the outermost handler
            _log.exception("a request failed")
            await _send_json(send, 500, {"error": "The server failed; its log says why."})
        else:
            await _send_json(send, 200, answer, headers=headers)
        finally:
            self.num_active -= 1
            self.last_asked = time.monotonic()

    async def _predict(self, body: bytes) -> tuple[Any, list[tuple[bytes, bytes]]]:
        if self._model is None or self._scheduler is None:
            raise NotReady(f"The model is being loaded ({self.loading_step}). Try again in a few seconds.")
        model = self._model
        document = _parse(body)
        inputs: list[TextInput] = model.task.inputs(document)
        if len(inputs) > self._max_rows:
            raise Unprocessable(
                f"{len(inputs)} inputs in one request; at most {self._max_rows} are answered at once."
            )
        parameters = model.task.parameters(document)
        logits = await self._scheduler.predict(inputs)
        # Which commit answered, under the name that the Hub's own files carry it.
        headers = [(b"x-repo-commit", model.revision.encode())] if model.revision else []
        return model.task.answer(logits, parameters, model.facts), headers

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._max_body_bytes:
                raise BodyTooLarge(self._max_body_bytes)
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            body += message.get("body", b"")
            if len(body) > self._max_body_bytes:
                raise BodyTooLarge(self._max_body_bytes)
            if not message.get("more_body", False):
                return bytes(body)


class _Disconnected(Exception):
    """The caller left before the question was complete."""


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except RecursionError as error:
        raise Malformed("The body is not usable JSON: it is nested too deeply.") from error
    except ValueError as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from error
    if not isinstance(document, dict):
        raise Unprocessable('The body must be a JSON object such as {"inputs": "a text"}.')
    return document


def _retry(seconds: float) -> list[tuple[bytes, bytes]]:
    return [(b"retry-after", str(math.ceil(seconds)).encode())]


async def _send_json(
    send: Send, status: int, document: Any, *, headers: list[tuple[bytes, bytes]] | tuple[()] = ()
) -> None:
    body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [_JSON, length, *headers]})
    await send({"type": "http.response.body", "body": body})
