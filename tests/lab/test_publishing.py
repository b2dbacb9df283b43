"""Flights to a real Hub: versions, comparison in words, reproduction from a recipe, and served answers."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.lab.conftest import make_reviews
from tests.servers.hub import LiveHub, token
from wingman.lab.errors import HubError
from wingman.lab.events import Events
from wingman.lab.flight import fly, load_recipe, reopen, request_of
from wingman.lab.hub import Hub, connect
from wingman.lab.request import Request
from wingman.lab.run import open_run
from wingman.lab.starter.publish import dataset_card, publish_starter
from wingman.lab.starter.sets import MOVIES, BuiltSet
from wingman.lab.steps.choose import choose

pytestmark = [pytest.mark.slow, pytest.mark.client]
REPO = "alice/reviews"


@pytest.fixture(scope="module")
def live_hub(tmp_path_factory):
    hub = LiveHub(tmp_path_factory.mktemp("hub") / "home")
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def hub(live_hub) -> Hub:
    return connect(live_hub.url, token("alice"))


def request_for(hub: Hub, data: Path, home: Path, base: Path, **rest) -> Request:
    choices = {"epochs": 12.0, "learning_rate": 5e-3, "batch_rows": 16, "to": REPO, **rest}
    return Request(
        data=str(data), home=home, base=str(base), endpoint=hub.endpoint, token=hub.token, **choices
    )


@pytest.fixture(scope="module")
def first(hub, tmp_path_factory, tiny_base):
    """The first version: (folder, result)."""
    folder = tmp_path_factory.mktemp("first")
    make_reviews().to_csv(folder / "reviews.csv", index=False)
    return folder, fly(request_for(hub, folder / "reviews.csv", folder / "home", tiny_base))


def test_a_flight_publishes_v1_with_everything_beside_the_model(hub, first):
    _, result = first
    files = set(hub.api().list_repo_files(REPO, revision="v1"))

    assert (result["repo"], result["revision"], result["url"]) == (REPO, "v1", f"{hub.endpoint}/{REPO}")
    assert {
        "README.md", "config.json", "model.safetensors", "tokenizer.json", "serving.json", "recipe.yaml",
        "onnx/model.onnx", "onnx/model_int8.onnx", "evaluation/report.json",
        "evaluation/predictions.parquet", "evaluation/confusion.svg",
    } <= files  # fmt: skip


def test_the_card_says_the_command_that_flies_a_file_again(hub, first):
    from huggingface_hub import ModelCard

    card = ModelCard(Path(hub.api().hf_hub_download(REPO, "README.md", revision="v1")).read_text("utf-8"))

    assert f"wingman fly reviews.csv --recipe {REPO}@v1" in card.text


def test_no_text_of_the_data_is_published(hub, first):
    path = hub.api().hf_hub_download(REPO, "evaluation/predictions.parquet", revision="v1")

    assert "text" not in pd.read_parquet(path).columns


def test_the_endpoint_answers_as_evaluated(first):
    folder, _ = first
    served = open_run(folder / "home").read_json("served.json")

    assert served["served"]
    assert served["agreement"] == 1.0
    assert served["largest_difference"] < 0.05


def test_publishing_again_makes_no_new_version(hub, first, tiny_base):
    folder, _ = first
    again = fly(request_for(hub, folder / "reviews.csv", folder / "home", tiny_base))

    assert again["revision"] == "v1"
    assert [tag.name for tag in hub.api().list_repo_refs(REPO).tags] == ["v1"]


def test_a_kill_between_commit_and_tag_is_mended(hub, first, tiny_base):
    folder, _ = first
    run = open_run(folder / "home")
    hub.api().delete_tag(REPO, tag="v1")
    run.path("records", "publish.json").unlink()
    before = len(hub.api().list_repo_commits(REPO))

    again = fly(request_for(hub, folder / "reviews.csv", folder / "home", tiny_base))

    assert again["revision"] == "v1"
    assert len(hub.api().list_repo_commits(REPO)) == before


def test_the_published_recipe_gives_the_same_numbers(hub, first, tmp_path, tiny_base):
    folder, result = first
    recipe = load_recipe(f"{REPO}@v1", endpoint=hub.endpoint, token=hub.token)
    request = Request(data=str(folder / "reviews.csv"), home=tmp_path, base=str(tiny_base), publish=False)

    again = fly(request_of(recipe, request), recipe=recipe)

    assert again["metrics"] == result["metrics"]
    assert again["baseline"] == result["baseline"]


def test_a_recipe_is_not_flown_on_other_data(hub, first, tmp_path, tiny_base):
    recipe = load_recipe(f"{REPO}@v1", endpoint=hub.endpoint, token=hub.token)
    make_reviews(200, seed=5).to_csv(tmp_path / "reviews.csv", index=False)
    request = Request(data=str(tmp_path / "reviews.csv"), home=tmp_path, base=str(tiny_base), publish=False)

    with pytest.raises(ValueError, match=r"other content of reviews\.csv"):
        fly(request_of(recipe, request), recipe=recipe)


def test_a_flight_on_changed_data_says_whether_v2_is_better(hub, first, tmp_path, tiny_base):
    frame = make_reviews(500)
    frame.to_csv(tmp_path / "reviews.csv", index=False)

    result = fly(request_for(hub, tmp_path / "reviews.csv", tmp_path / "home", tiny_base))
    comparison = open_run(tmp_path / "home").read_json("comparison.json")
    card = Path(hub.api().hf_hub_download(REPO, "README.md", revision="v2")).read_text()

    assert result["revision"] == "v2"
    assert comparison["previous"] == "v1"
    # None of the rows compared on was trained on by v1.
    assert 20 <= comparison["rows"] <= result["rows"]["test"]
    assert comparison["words"].startswith(
        ("No difference between the new version and v1", "The new version is", "v1 is")
    )
    assert comparison["words"] in card
    assert f"{REPO}@v2" in card


def test_the_card_names_the_version_it_becomes_though_another_flight_published_meanwhile(
    hub, tmp_path, tiny_base
):
    make_reviews(60).to_csv(tmp_path / "a.csv", index=False)
    request = request_for(hub, tmp_path / "a.csv", tmp_path / "home", tiny_base, epochs=1.0, to="alice/raced")

    def publish_another(event):
        if event["event"] == "step_finished" and event["step"] == "card" and not event["reused"]:
            hub.api().create_repo("alice/raced", exist_ok=True)
            if not hub.api().list_repo_refs("alice/raced").tags:
                hub.api().create_tag("alice/raced", tag="v1")

    result = fly(request, listeners=[publish_another])
    card = Path(hub.api().hf_hub_download("alice/raced", "README.md", revision="v2")).read_text("utf-8")

    assert result["revision"] == "v2"
    assert "alice/raced@v2" in card
    assert "v1 was not published by a flight" in card
    assert fly(request)["revision"] == "v2"


def test_the_card_says_how_many_test_rows_a_published_base_was_trained_on(hub, first, tmp_path):
    folder, _ = first
    request = request_for(
        hub, folder / "reviews.csv", tmp_path, Path(REPO), base_revision="v1", seed=1, to="alice/again", epochs=1.0
    )

    fly(request)
    seen = next(
        finding["count"]
        for finding in open_run(tmp_path).read_json("choice.json")["findings"]
        if finding["code"] == "seen_by_base"
    )
    card = Path(hub.api().hf_hub_download("alice/again", "README.md")).read_text("utf-8")

    assert 20 < seen <= 60
    assert f"On 60 test rows, of which its base had seen {seen}, it is right" in card
    assert f"**The base was itself trained or tuned on {seen} of the 60 test rows**" in card


def test_publishing_where_one_may_not_stops_in_the_dry_run(hub, tmp_path, tiny_base):
    make_reviews(60).to_csv(tmp_path / "reviews.csv", index=False)

    with pytest.raises(HubError, match="may not publish to 'bob/mine'"):
        fly(request_for(hub, tmp_path / "reviews.csv", tmp_path / "home", tiny_base, to="bob/mine"))
    assert not (tmp_path / "home" / "runs").exists()


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("my model (1)", "my-model-1"),
        ("bert--base", "bert-base"),
        ("v1..2.git", "v1-2"),
        ("模型", ""),
        ("bert_base-v1.5", "bert_base-v1.5"),
    ],
)
def test_a_model_gets_a_name_the_hub_takes_whatever_the_folder_of_its_base_is_called(
    hub, tmp_path, tiny_base, folder, name
):
    make_reviews(60).to_csv(tmp_path / "a.csv", index=False)
    shutil.copytree(tiny_base, tmp_path / folder)

    choice = choose(request_for(hub, tmp_path / "a.csv", tmp_path / "home", tmp_path / folder, to=None))

    assert choice.recipe.to == f"alice/a-{name}".rstrip("-")


@pytest.mark.parametrize(
    ("to", "why"), [("alice/my model", "not a valid repository name"), ("bob/mine", "may not publish to")]
)
def test_a_run_is_not_told_to_publish_where_it_cannot(hub, first, to, why):
    run = open_run(first[0] / "home")
    before = run.path("recipe.yaml").read_bytes()

    with pytest.raises(HubError, match=why):
        reopen(run, Events(None), token=hub.token, endpoint=hub.endpoint, to=to)
    assert run.path("recipe.yaml").read_bytes() == before


def test_a_run_is_not_told_where_to_publish_while_no_hub_answers(first):
    run = open_run(first[0] / "home")

    with pytest.raises(HubError, match="No Hub answers"):
        reopen(run, Events(None), token="hf_alice", endpoint="http://127.0.0.1:9", to="alice/other")
    assert run.recipe.to == REPO


@pytest.mark.parametrize("to", [None, "ann/mine"])
def test_a_token_that_may_only_read_stops_in_the_dry_run(live_hub, tmp_path, tiny_base, to):
    tokens = [{"token": "hf_ann_reads", "role": "read"}]
    users = {"users": [{"name": "ann", "email": "ann@example.org", "password": "a long one", "tokens": tokens}]}
    live_hub.seed(users)
    make_reviews(60).to_csv(tmp_path / "a.csv", index=False)
    reader = connect(live_hub.url, "hf_ann_reads")

    with pytest.raises(HubError, match=r"may only read.*HF_TOKEN=…"):
        fly(request_for(reader, tmp_path / "a.csv", tmp_path / "home", tiny_base, to=to))
    assert not (tmp_path / "home" / "runs").exists()


def test_a_token_that_is_refused_is_told_what_goes_before_it(live_hub):
    with pytest.raises(HubError, match=r"does not accept this token.*/settings/tokens.*HF_TOKEN=….*admin-token"):
        connect(live_hub.url, "hf_revoked")


def test_a_hub_that_goes_away_half_way_is_named_and_the_flight_goes_on_when_it_is_back(tmp_path, tiny_base):
    hub = LiveHub(tmp_path / "hub")
    make_reviews(60).to_csv(tmp_path / "a.csv", index=False)
    request = request_for(
        connect(hub.url, token("alice")), tmp_path / "a.csv", tmp_path / "home", tiny_base, epochs=1.0
    )

    def stop_after_training(event):
        if event["event"] == "step_finished" and event["step"] == "train":
            hub.stop()

    with pytest.raises(HubError, match=r"No Hub answers at .*wingman up.*it goes on from here"):
        fly(request, listeners=[stop_after_training])
    hub.restart()
    result = fly(request)
    hub.stop()

    assert result["revision"] == "v1"


def test_a_hub_that_goes_away_while_the_starter_kit_is_published_is_named(tmp_path):
    leaving = LiveHub(tmp_path / "home")
    hub = connect(leaving.url, token("alice"))
    leaving.stop()

    with pytest.raises(HubError, match=r"No Hub answers at .*wingman up.*run the same command again"):
        publish_starter(hub, tmp_path / "kit")


def test_a_hub_dataset_is_flown_with_its_splits_and_commit(hub, tmp_path, tiny_base):
    frame = make_reviews(200)
    parts = {"train": frame[:140], "validation": frame[140:160], "test": frame[160:]}
    api = hub.api()
    api.create_repo("alice/words", repo_type="dataset")
    for name, part in parts.items():
        part.to_parquet(tmp_path / f"{name}.parquet", index=False)
        api.upload_file(
            path_or_fileobj=str(tmp_path / f"{name}.parquet"),
            path_in_repo=f"data/{name}-0.parquet",
            repo_id="alice/words",
            repo_type="dataset",
        )
    card = b"---\nlicense: cc-by-nc-4.0\n---\n"
    api.upload_file(
        path_or_fileobj=card, path_in_repo="README.md", repo_id="alice/words", repo_type="dataset"
    )
    result = fly(request_for(hub, "alice/words", tmp_path / "home", tiny_base, publish=False, to=None))
    run = open_run(tmp_path / "home")
    recipe = run.recipe

    assert result["rows"] == {"train": 140, "validation": 20, "test": 40}
    assert recipe.data.revision == api.dataset_info("alice/words").sha
    assert recipe.data.splits == "given"
    assert recipe.licences.data == "cc-by-nc-4.0"
    assert "the data under `cc-by-nc-4.0`" in run.path("card", "README.md").read_text()
    assert any("commercially" in finding["message"] for finding in run.read_json("choice.json")["findings"])


def test_the_card_of_a_starter_set_states_source_licence_and_counts():
    frame = pd.DataFrame(
        {"text": ["a", "b", "c"], "label": ["x", "y", "x"], "split": ["train", "validation", "test"]}
    )
    text = dataset_card(MOVIES, BuiltSet(frame, {"repeats of a text": 2}), "me/movie-sentences")

    assert "license: mit" in text
    assert MOVIES.archive.sha256 in text
    assert "2 rows (repeats of a text)" in text
    assert json.dumps(MOVIES.citation)[1:40] in text
