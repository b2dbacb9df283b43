"""A running worker, asked by the public client and over plain HTTP."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest
from huggingface_hub import InferenceClient, TextClassificationOutputElement
from transformers import pipeline

from tests.serve.tiny_model import WORDS, write_tiny_model
from tests.serve.worker_process import WorkerProcess

pytestmark = pytest.mark.client

Start = Callable[..., WorkerProcess]
GOOD = "the film was very good"


def test_the_public_client_gets_the_pipelines_answer(worker: WorkerProcess, tiny_model: Path) -> None:
    stock = pipeline("text-classification", model=str(tiny_model), top_k=None, device="cpu")

    elements = InferenceClient(model=worker.url).text_classification(GOOD)

    assert all(isinstance(element, TextClassificationOutputElement) for element in elements)
    [expected] = stock(GOOD)
    assert [element.label for element in elements] == [entry["label"] for entry in expected]
    assert [element.score for element in elements] == pytest.approx(
        [entry["score"] for entry in expected], abs=2e-5
    )


def test_the_public_client_passes_its_parameters(worker: WorkerProcess) -> None:
    client = InferenceClient(model=worker.url)

    (best,) = client.text_classification(GOOD, top_k=1, function_to_apply="none")

    assert best.label == client.text_classification(GOOD)[0].label
    assert not 0 <= best.score <= 1 or best.score != client.text_classification(GOOD)[0].score


def test_curl_as_one_types_it_works(worker: WorkerProcess) -> None:
    body = json.dumps({"inputs": GOOD, "parameters": {"top_k": 1}})

    printed = subprocess.run(
        ["curl", "-s", worker.url, "-d", body], capture_output=True, text=True, check=True
    ).stdout

    [[best]] = json.loads(printed)
    assert set(best) == {"label", "score"}


def test_a_list_is_answered_in_its_order(worker: WorkerProcess) -> None:
    texts = [GOOD, "the plot is dull", "sad " * 30]

    together = worker.ask({"inputs": texts}).json()

    apart = [worker.ask({"inputs": text}).json()[0] for text in texts]
    assert [[entry["label"] for entry in row] for row in together] == [
        [entry["label"] for entry in row] for row in apart
    ]
    assert len({json.dumps(row) for row in apart}) == len(texts)


def test_many_callers_at_once_each_get_their_own_answer(worker: WorkerProcess) -> None:
    texts = [
        " ".join(WORDS[i % len(WORDS)] for i in range(start, start + 1 + start % 30)) for start in range(200)
    ]
    alone = {text: worker.ask({"inputs": text}).json()[0][0] for text in texts[:25]}

    with ThreadPoolExecutor(32) as callers, httpx.Client(timeout=30) as client:
        asked = callers.map(lambda text: client.post(worker.url, json={"inputs": text}), texts)
        answers = dict(zip(texts, asked, strict=True))

    assert {answer.status_code for answer in answers.values()} == {200}
    for text, best in alone.items():
        [[shared, *_]] = answers[text].json()
        assert shared["label"] == best["label"]
        assert shared["score"] == pytest.approx(best["score"], abs=2e-5)


def test_an_int8_answer_is_the_same_in_any_company(start_worker: Start, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, precision="int8")
    worker = start_worker("--folder", str(tmp_path), "--port", "0")
    worker.wait_until_ready()
    texts = [" ".join(WORDS[start : start + 1 + start % 9]) for start in range(16)] * 4
    alone = {text: worker.ask({"inputs": text}).json()[0] for text in texts}

    with ThreadPoolExecutor(32) as callers, httpx.Client(timeout=30) as client:
        asked = callers.map(lambda text: client.post(worker.url, json={"inputs": text}), texts)
        in_company = [answer.json()[0] for answer in asked]
    in_a_list = worker.ask({"inputs": texts}).json()

    assert in_company == [alone[text] for text in texts]  # to the last digit
    assert in_a_list == in_company


def test_health_describes_the_model(worker: WorkerProcess) -> None:
    health = httpx.get(f"{worker.url}/health")

    assert health.status_code == 200
    assert health.json()["status"] == "ready"
    assert health.json()["labels"] == ["negative", "neutral", "positive"]
    assert httpx.get(f"{worker.url}/health/live").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{'inputs': 1}", 400, "not valid JSON"),
        (b"\xff\xfe{", 400, "not valid JSON"),
        (b"[" * 50_000, 400, "nested too deeply"),
        (b"", 400, "not valid JSON"),
        (b'"a text"', 422, "must be a JSON object"),
        (b"{}", 422, 'no "inputs"'),
        (b'{"inputs": []}', 422, "empty list"),
        (b'{"inputs": 7}', 422, "inputs must be a string, not a number"),
        (b'{"inputs": ["a", null]}', 422, "inputs[1] must be a string, not null"),
        (b'{"inputs": "\\ud800"}', 422, "half a surrogate pair at character 0"),
        (b'{"inputs": "a", "parameters": 3}', 422, '"parameters" must be an object'),
        (b'{"inputs": "a", "parameters": {"top_k": 0}}', 422, "top_k must be a whole number from 1"),
        (b'{"inputs": "a", "parameters": {"top_k": true}}', 422, "top_k must be a whole number from 1"),
        (
            b'{"inputs": "a", "parameters": {"function_to_apply": []}}',
            422,
            "function_to_apply must be one of",
        ),
        (b'{"inputs": "a", "parameters": {"topk": 3}}', 422, "Unknown parameters: topk"),
        (json.dumps({"inputs": ["a"] * 257}).encode(), 422, "257 inputs in one request; at most 256"),
        (json.dumps({"inputs": "a" * 2_000_001}).encode(), 413, "larger than 2000000 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_questions_get_a_clear_error(worker: WorkerProcess, body: bytes, status: int, said: str) -> None:
    answer = httpx.post(worker.url, content=body)

    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert worker.ask({"inputs": GOOD}).status_code == 200


def test_a_body_without_a_length_is_bounded_too(worker: WorkerProcess) -> None:
    answer = httpx.post(worker.url, content=(b"x" * 100_000 for _ in range(100)))

    assert answer.status_code == 413


def test_other_routes_and_methods_say_what_there_is(worker: WorkerProcess) -> None:
    assert httpx.put(worker.url).headers["allow"] == "POST, GET"
    assert httpx.get(f"{worker.url}/predict").status_code == 405
    assert "POST / asks the model" in httpx.get(f"{worker.url}/v1/models").json()["error"]


def test_a_repository_that_loads_for_ever_answers_all_the_while(start_worker: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent_hub:  # accepts, and never says a word
        endpoint = f"http://127.0.0.1:{silent_hub.getsockname()[1]}"
        worker = start_worker("--repo", "me/slow", "--port", "0", HF_ENDPOINT=endpoint)

        question, health = worker.ask({"inputs": GOOD}), httpx.get(f"{worker.url}/health")

        assert question.status_code == 503
        assert question.headers["retry-after"] == "2"
        assert "being loaded" in question.json()["error"]
        assert (health.status_code, health.json()["status"]) == (503, "loading")
        assert httpx.get(f"{worker.url}/health/live").status_code == 200
        worker.terminate()
        assert worker.wait() == 0


def test_sigterm_answers_what_is_in_flight_and_leaves(start_worker: Start, tiny_model: Path) -> None:
    worker = start_worker("--folder", str(tiny_model), "--port", "0")
    worker.wait_until_ready()
    address = ("127.0.0.1", int(worker.url.rpartition(":")[2]))
    body = json.dumps({"inputs": GOOD}).encode()
    connections = [socket.create_connection(address, timeout=10) for _ in range(4)]
    for connection in connections:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body[:5])
    wait_until(lambda: httpx.get(f"{worker.url}/health").json()["num_active"] == 4)

    worker.terminate()
    wait_until(lambda: refuses_connections(address))
    for connection in connections:
        connection.sendall(body[5:])

    answers = [read_and_close(connection) for connection in connections]
    assert all(answer.startswith(b"HTTP/1.1 200") and b"positive" in answer for answer in answers)
    assert worker.wait() == 0


def read_and_close(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as stream:
        return stream.read()


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refuses_connections(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address).close()
    except ConnectionRefusedError:
        return True
    return False


def test_an_idle_worker_leaves(start_worker: Start, tiny_model: Path) -> None:
    worker = start_worker("--folder", str(tiny_model), "--port", "0", "--idle-timeout", "0.5")

    assert worker.wait() == 0
    assert "nobody asked" in worker.log


def test_it_listens_on_a_unix_socket_for_its_owner_alone(
    start_worker: Start, tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "worker.sock"
    path.touch()  # as if one had been killed here before
    worker = start_worker("--folder", str(tiny_model), "--uds", str(path))
    worker.wait_until_ready()

    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        answer = client.post("http://worker/predict", json={"inputs": GOOD})

    assert answer.status_code == 200
    assert path.stat().st_mode & 0o077 == 0
    worker.terminate()
    worker.wait()
    assert not path.exists()


def test_what_cannot_be_served_is_said_with_a_status_of_its_own(start_worker: Start, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["GPT2LMHeadModel"]}')

    worker = start_worker("--folder", str(tmp_path), "--port", "0")

    assert worker.wait() == 2
    assert "GPT2LMHeadModel, whose task is not served here" in worker.log


def test_plain_weights_are_served_too(start_worker: Start, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, onnx=False, serving=False)

    worker = start_worker("--folder", str(tmp_path), "--port", "0")
    worker.wait_until_ready()

    assert worker.ask({"inputs": GOOD}).status_code == 200


def test_a_worker_brings_in_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, wingman.serve.__main__; print({'torch', 'transformers', 'datasets'} & set(sys.modules))"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "set()"
