"""Repositories and their lists on the wire: what the public clients ask for, and what they are told."""

import hashlib
import json
import struct
import time

import pytest
from starlette.testclient import TestClient

from wingman.hub.accounts.service import seed
from wingman.hub.app import Hub, create_app
from wingman.hub.contents.service import ContentService

ALICE = {"Authorization": "Bearer alice-writes"}
CONFIG = {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 9}


@pytest.fixture
def client(hub: Hub) -> TestClient:
    seed(hub.store, {"users": [{"name": "alice", "tokens": [{"token": "alice-writes"}]}]})
    return TestClient(create_app(hub), raise_server_exceptions=False, headers=ALICE)


def create(client: TestClient, name: str, kind: str = "model", **files: str) -> None:
    body = {"name": name, "type": kind, "sdk": "static" if kind == "space" else None}
    body["files"] = [{"path": path.replace("__", "."), "content": text} for path, text in files.items()]
    assert client.post("/api/repos/create", json=body).status_code == 200


def ids(client: TestClient, address: str) -> set[str]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return {row["id"].removeprefix("alice/") for row in answer.json()}


def upload_large(client: TestClient, repo: str, path: str, data: bytes) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": sha256, "size": len(data)}]}
    there = client.post(f"/{repo}.git/info/lfs/objects/batch", json=batch).json()["objects"][0]["actions"]
    assert (
        client.put(there["upload"]["href"].removeprefix("http://testserver"), content=data).status_code == 200
    )
    lines = [
        {"key": "header", "value": {"summary": "Add weights"}},
        {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": sha256, "size": len(data)}},
    ]
    body = "\n".join(json.dumps(line) for line in lines)
    assert client.post(f"/api/models/{repo}/commit/main", content=body).status_code == 200


@pytest.mark.parametrize("address", ["/api/models", "/api/models/alice/m"])
def test_what_is_asked_for_again_and_again_is_looked_up_once(client, monkeypatch, address):
    create(client, "m", config__json="{}")
    looks, tree = [], ContentService.tree
    monkeypatch.setattr(ContentService, "tree", lambda *given, **how: looks.append(1) or tree(*given, **how))

    answer = client.get(address, params={"expand": ["siblings"] * 50})

    assert "siblings" in answer.text
    assert len(looks) == 1


@pytest.mark.parametrize("name", ["search", "filter", "trained_dataset", "datasets", "models"])
def test_a_list_narrowed_without_end_is_refused(client, name):
    create(client, "m")

    assert client.get("/api/models", params={name: ["m"] * 2000}).status_code == 400


def test_a_list_tells_what_the_files_say_to_whoever_asks(client):
    create(client, "bert", config__json=json.dumps(CONFIG))
    create(client, "plain")
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    upload_large(
        client, "alice/bert", "model.safetensors", struct.pack("<Q", len(header)) + header + bytes(24)
    )

    address = (
        "/api/models?sort=createdAt&direction=1&expand=config&expand=safetensors&expand=transformersInfo"
    )
    bert, plain = client.get(address).json()

    assert bert["config"] == {"architectures": ["BertForMaskedLM"], "model_type": "bert"}
    assert bert["safetensors"] == {"parameters": {"F32": 6}, "total": 6}
    assert bert["transformersInfo"] == {"auto_model": "AutoModelForMaskedLM", "pipeline_tag": "fill-mask"}
    assert set(plain) == {"_id", "id"}
    fetched = client.get("/api/models?config=True&search=bert").json()[0]
    assert fetched["config"] == bert["config"]
    assert "config" not in client.get("/api/models?search=bert").json()[0]


def weights(*shape: int, dtype: str = "F32") -> bytes:
    header = json.dumps({"w": {"dtype": dtype, "shape": list(shape), "data_offsets": [0, 0]}}).encode()
    return struct.pack("<Q", len(header)) + header


def test_models_are_found_by_their_parameters(client, hub):
    for name, shape in (("small", (3, 100)), ("large", (2000, 1000))):
        create(client, name)
        upload_large(client, f"alice/{name}", "model.safetensors", weights(*shape))
    shards = {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}
    create(client, "sharded", model__safetensors__index__json=json.dumps(shards))
    upload_large(client, "alice/sharded", "model-1-of-2.safetensors", weights(7, dtype="BF16"))
    create(client, "says-nothing", README__md="# Hello")
    hub.parameter_counter.count_pending()

    # One of two shards is no model: it is not counted, and its info does not say a number that is wrong.
    assert ids(client, "/api/models?num_parameters=min:0") == {"small", "large"}
    assert "safetensors" not in client.get("/api/models/alice/sharded").json()
    upload_large(client, "alice/sharded", "model-2-of-2.safetensors", weights(5))
    hub.parameter_counter.count_pending()

    assert ids(client, "/api/models?num_parameters=max:300") == {"small", "sharded"}
    assert ids(client, "/api/models?num_parameters=min:0.3K,max:2M") == {"small", "large"}
    assert ids(client, "/api/models?num_parameters=min:1m&search=large") == {"large"}
    assert ids(client, "/api/models?num_parameters=max:11") == set()
    told = client.get("/api/models/alice/sharded?expand=safetensors").json()["safetensors"]
    assert told == {"parameters": {"BF16": 7, "F32": 5}, "total": 12}


def test_weights_that_are_none_are_not_counted(client, hub):
    create(client, "odd", model__safetensors__index__json="[1]")
    create(client, "lost", model__safetensors__index__json='{"weight_map": {"a": "../elsewhere.safetensors"}}')
    create(client, "text", model__safetensors="not at all")
    assert hub.parameter_counter.count_pending() == 3

    assert hub.parameter_counter.count_pending() == 0
    assert ids(client, "/api/models?num_parameters=min:0") == set()


def test_spaces_are_found_by_what_they_use(client):
    create(client, "both", "space", README__md="---\nmodels: [a/m]\ndatasets: [a/d, a/e]\n---\n")
    create(client, "one", "space", README__md="---\nmodels: a/m\n---\n")
    create(client, "none", "space", README__md="# nothing\n")

    assert ids(client, "/api/spaces?models=a/m") == {"both", "one"}
    assert ids(client, "/api/spaces?models=a/m&datasets=a/e") == {"both"}
    assert ids(client, "/api/spaces?datasets=a/none") == set()
    assert ids(client, "/api/spaces?linked=True") == {"both", "one"}
    assert ids(client, "/api/spaces?linked=False") == {"both", "one", "none"}
    shown = client.get("/api/spaces/alice/both").json()
    assert (shown["models"], shown["datasets"]) == (["a/m"], ["a/d", "a/e"])
    assert not any(tag.startswith(("model:", "dataset:")) for tag in shown["tags"])


def test_a_model_tells_who_builds_on_it(client):
    create(client, "base")
    create(client, "child", README__md="---\nbase_model: alice/base\n---\n")
    create(client, "other", README__md="---\nbase_model: alice/elsewhere\n---\n")
    create(client, "space", "space", README__md="---\nmodels: [alice/base]\n---\n")
    create(client, "hidden", "space", README__md="---\nmodels: [alice/base]\n---\n")
    assert client.put("/api/spaces/alice/hidden/settings", json={"private": True}).status_code == 200

    asked = "expand=childrenModelCount&expand=spaces"
    told = client.get(f"/api/models/alice/base?{asked}").json()

    assert (told["childrenModelCount"], sorted(told["spaces"])) == (1, ["alice/hidden", "alice/space"])
    stranger = client.get("/api/models/alice/base", headers={"Authorization": ""}).json()
    assert stranger["spaces"] == ["alice/space"]
    rows = {row["id"]: row for row in client.get(f"/api/models?{asked}").json()}
    assert rows["alice/base"] == told
    assert rows["alice/other"]["childrenModelCount"] == 0


def test_no_provider_serves_what_lies_here(client):
    create(client, "m")

    assert ids(client, "/api/models?inference=warm") == set()
    assert ids(client, "/api/models?inference_provider=all") == set()
    assert ids(client, "/api/models") == {"m"}


@pytest.mark.parametrize(
    "query", ["models?apps=vllm", "models?num_parameters=6B", "datasets?num_parameters=min:1B"]
)
def test_a_filter_that_is_not_known_is_refused_not_passed_over(client, query):
    answer = client.get(f"/api/{query}")

    assert answer.status_code == 400
    assert query.partition("?")[2].partition("=")[0] in answer.headers["X-Error-Message"]


def test_an_existing_repository_is_named_as_it_is_written(client):
    create(client, "Model")

    answer = client.post("/api/repos/create", json={"name": "mODEL"})

    assert answer.status_code == 409
    assert answer.json()["url"] == "http://testserver/alice/Model"


def test_a_page_elsewhere_may_ask_with_a_token(client):
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    for address in ("/api/models/alice/m/commit/main", "/alice/m/resolve/main/a", "/models/alice/m"):
        answer = client.options(
            address, headers={**asked, "Access-Control-Request-Headers": "authorization,content-type"}
        )

        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers  # cookies stay where they belong


@pytest.mark.parametrize(
    "address",
    [
        "/api/models/bert-base-uncased",
        "/api/models/bert-base-uncased/revision/main",
        "/api/models/alice/none/no-such-thing",
        "/bert-base-uncased/resolve/main/config.json",
    ],
)
def test_names_that_no_repository_has_are_missing_repositories(client, address):
    assert client.get(address).headers["X-Error-Code"] == "RepoNotFound"
    stranger = client.get(address, headers={"Authorization": ""})
    assert (stranger.status_code, stranger.headers["X-Error-Code"]) == (401, "RepoNotFound")


def test_an_unknown_address_below_a_repository_does_not_call_it_missing(client):
    create(client, "m")

    answer = client.get("/api/models/alice/m/no-such-thing")

    assert answer.status_code == 404
    assert "X-Error-Code" not in answer.headers
    assert answer.headers["X-Error-Message"] == "There is nothing at /api/models/alice/m/no-such-thing."


def test_a_running_hub_counts_parameters_by_itself(hub):
    seed(hub.store, {"users": [{"name": "alice", "tokens": [{"token": "alice-writes"}]}]})
    with TestClient(create_app(hub), headers=ALICE) as client:
        create(client, "small")
        upload_large(client, "alice/small", "model.safetensors", weights(3, 100))
        patience = time.monotonic() + 60
        while not (found := ids(client, "/api/models?num_parameters=min:300,max:300")):
            assert time.monotonic() < patience
            time.sleep(0.1)

    assert found == {"small"}
