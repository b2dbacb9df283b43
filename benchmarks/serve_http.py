"""One-sentence classification over HTTP, beside a stock pipeline behind a web framework, in one run.

Both servers have the same encoder (MiniLM's shape: 6 layers, 384 wide; random weights unless --model names a
folder laid out as a repository) and get the same sentences, drawn from a fixed distribution of lengths. Rounds
alternate between the servers, so that a machine that is busy with something else slows both. The load comes
from this process: connections that are kept, each with one question at a time. Beside answers per second stands
the processor time that the server and its children spent on each, which other work on the machine disturbs less.

    stock      FastAPI and transformers.pipeline, as tutorials put them together
    fp32       `python -m wingman.serve` with the exported model as it is
    int8       the same with weights in int8
    hub        the int8 model published on a Hub and asked at `POST /models/{id}`, with a token and its access check

    python benchmarks/serve_http.py --seconds 5 --rounds 2 --connections 1,16,64
"""

import argparse
import json
import random
import re
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

WORDS = "the a film plot story of and is was it that very not good bad dull bright slow quick moving funny sad".split()
NUM_SENTENCES = 512
HUB_MODEL = "bench/classifier"
HUB_TOKEN = "hf_benchmark"
MEAN_WORDS = 20  # the movie sentences have 27 tokens on average

# What a tutorial would write; `def`, so that FastAPI runs it in its thread pool.
STOCK_SERVER = """
import sys
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

classify = pipeline("text-classification", model=sys.argv[1], top_k=None, device="cpu")
app = FastAPI()


class Question(BaseModel):
    inputs: str


@app.post("/")
def predict(question: Question):
    return classify(question.inputs, truncation=True)


@app.get("/health")
def health():
    return {}


uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""


@dataclass(frozen=True)
class Server:
    """Where to ask."""

    pid: int
    port: int
    path: str = "/"
    token: str = "none"

    def cpu_seconds(self) -> float:
        """Spent so far by the process and those it started."""
        process = psutil.Process(self.pid)
        times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
        return sum(time.user + time.system for time in times)


@dataclass(frozen=True)
class Measured:
    """One round: answers per second the wait for them, and the server's processor time for each."""

    per_second: float
    median_ms: float
    p99_ms: float
    cpu_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--model", type=Path, help="a model's folder, with onnx/model.onnx and model_int8.onnx"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--servers", default="stock,fp32,int8,hub")
    parser.add_argument("--worker", default="", help="further arguments for `python -m wingman.serve`")
    given = parser.parse_args()
    connections = [int(number) for number in given.connections.split(",")]
    with tempfile.TemporaryDirectory() as made:
        model = given.model or _make_model(Path(made) / "model")
        with ExitStack() as running:
            servers = {
                name: running.enter_context(_server(name, model, given.worker.split()))
                for name in given.servers.split(",")
            }
            results = _measure(servers, connections, rounds=given.rounds, seconds=given.seconds)
    _print(results, connections)


def _measure(
    servers: dict[str, Server], connections: list[int], *, rounds: int, seconds: float
) -> dict[tuple[str, int], list[Measured]]:
    results: dict[tuple[str, int], list[Measured]] = {}
    for server in servers.values():
        _load(server, num_connections=8, seconds=1.0)  # warm
    for _ in range(rounds):
        for number in connections:
            for name, server in servers.items():
                measured = _load(server, num_connections=number, seconds=seconds)
                results.setdefault((name, number), []).append(measured)
    return results


def _print(results: dict[tuple[str, int], list[Measured]], connections: list[int]) -> None:
    print(
        "Answers per second: median of the rounds, ratio to stock (each round); CPU ms for each; wait p50 / p99."
    )
    for number in connections:
        for name in dict.fromkeys(name for name, _ in results):
            rounds = results[name, number]
            stock = results.get(("stock", number), rounds)
            rate, cpu_ms = _median(rounds, "per_second"), _median(rounds, "cpu_ms")
            faster, lighter = rate / _median(stock, "per_second"), _median(stock, "cpu_ms") / cpu_ms
            each = ", ".join(f"{one.per_second:.0f}" for one in rounds)
            wait = f"{_median(rounds, 'median_ms'):.1f} / {_median(rounds, 'p99_ms'):.1f} ms"
            print(
                f"  {number:3d} connections  {name:5s} {rate:6.0f} {faster:5.1f}x ({each});"
                f" {cpu_ms:5.1f} ms {lighter:5.1f}x; {wait}"
            )


def _median(rounds: list[Measured], what: str) -> float:
    return statistics.median(getattr(one, what) for one in rounds)


def _sentences() -> list[bytes]:
    draw = random.Random(0)
    lengths = [max(3, min(90, round(draw.lognormvariate(0, 0.5) * MEAN_WORDS))) for _ in range(NUM_SENTENCES)]
    return [json.dumps({"inputs": " ".join(draw.choices(WORDS, k=length))}).encode() for length in lengths]


@contextmanager
def _server(name: str, model: Path, worker_arguments: list[str]) -> Iterator[Server]:
    """A server process that answers."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        python = [sys.executable, "-m"]
        path, token, health = "/", "none", "/health"
        if name == "stock":
            command = [sys.executable, "-c", STOCK_SERVER, str(model), str(port)]
        elif name == "hub":
            command = [*python, "wingman.cli", "up", "--home", str(folder / "home"), "--port", str(port)]
            path, token, health = f"/models/{HUB_MODEL}", HUB_TOKEN, "/healthz"
            _seed(folder)
        else:
            served = _served(model, folder, name)
            command = [
                *python,
                "wingman.serve",
                "--folder",
                str(served),
                "--port",
                str(port),
                *worker_arguments,
            ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}{health}")
            if name == "hub":
                _publish(_served(model, folder, "int8"), f"http://127.0.0.1:{port}")
            yield Server(process.pid, port, path, token)
        finally:
            process.terminate()
            process.wait(30)


def _seed(folder: Path) -> None:
    """An account on a Hub whose home is `folder/home`."""
    namespace = HUB_MODEL.partition("/")[0]
    user = {"name": namespace, "tokens": [{"token": HUB_TOKEN, "role": "write"}]}
    accounts = folder / "accounts.json"
    accounts.write_text(json.dumps({"users": [user]}))
    command = [
        sys.executable,
        "-m",
        "wingman.cli",
        "admin",
        "seed",
        str(accounts),
        "--home",
        str(folder / "home"),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _publish(folder: Path, endpoint: str) -> None:
    """A private model, so that every question carries a token that is looked up."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=HUB_TOKEN)
    api.create_repo(HUB_MODEL, private=True)
    api.upload_folder(
        repo_id=HUB_MODEL, folder_path=folder, ignore_patterns=["*.safetensors", "onnx/model.onnx"]
    )


def _served(model: Path, folder: Path, precision: str) -> Path:
    """The model's folder with a serving.json that asks for `precision`."""
    served = folder / "served"
    shutil.copytree(model, served)
    file = {"fp32": "onnx/model.onnx", "int8": "onnx/model_int8.onnx"}[precision]
    record = {"format": 1, "task": "text-classification", "file": file, "precision": precision}
    (served / "serving.json").write_text(json.dumps(record))
    return served


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.1)
    raise SystemExit("A server did not start.")


def _load(server: Server, *, num_connections: int, seconds: float) -> Measured:
    """Ask without pause on every connection for so long."""
    head = f"POST {server.path} HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\nauthorization: Bearer {server.token}\r\n"
    questions = [
        head.encode() + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        for body in _sentences()
    ]
    clock, waits = time.perf_counter, []
    with selectors.DefaultSelector() as selector, ExitStack() as opened:
        for number in range(num_connections):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            selector.register(connection, selectors.EVENT_READ, _Caller(number * 7))
        started, cpu_before = clock(), server.cpu_seconds()
        for key in selector.get_map().values():
            key.data.ask(key.fileobj, questions, clock())
        while selector.get_map():
            for key, _ in selector.select():
                if not key.data.receive(key.fileobj):
                    continue
                moment = clock()
                waits.append(moment - key.data.asked)
                if moment < started + seconds:
                    key.data.ask(key.fileobj, questions, moment)
                else:
                    selector.unregister(key.fileobj)
        elapsed = clock() - started
        cpu_ms = (server.cpu_seconds() - cpu_before) / len(waits) * 1000
    cuts = statistics.quantiles(waits, n=100)
    return Measured(len(waits) / elapsed, cuts[49] * 1000, cuts[98] * 1000, cpu_ms)


class _Caller:
    """One connection: a question, its answer, the next question. Anything but 200 ends the benchmark.

    It reads no more of HTTP than it must: what the load costs is taken from the server on the same cores.
    """

    def __init__(self, start: int) -> None:
        self._next = start
        self._answer = b""
        self.asked = 0.0

    def ask(self, connection: socket.socket, questions: list[bytes], moment: float) -> None:
        self.asked, self._answer = moment, b""
        connection.sendall(questions[self._next % len(questions)])
        self._next += 1

    def receive(self, connection: socket.socket) -> bool:
        """Whether the answer is complete now."""
        received = connection.recv(65536)
        if not received:
            raise SystemExit("The server closed the connection.")
        self._answer += received
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"The server answered {head.splitlines()[0].decode()}.")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if length is None:
            raise SystemExit("The server did not say how long its answer is.")
        return len(body) >= int(length[1])


def _make_model(folder: Path) -> Path:
    """A classifier with MiniLM's shape and random weights, and its exports."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    from wingman.lab.export import export_onnx, quantize_int8

    vocabulary = {
        token: index for index, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    }
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=256).save_pretrained(folder)
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    model = BertForSequenceClassification._from_config(shape, attn_implementation="eager").eval()
    model.save_pretrained(folder)
    export_onnx(model, folder / "onnx" / "model.onnx", ["input_ids", "attention_mask"])
    quantize_int8(folder / "onnx" / "model.onnx", folder / "onnx" / "model_int8.onnx")
    return folder


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


if __name__ == "__main__":
    main()
