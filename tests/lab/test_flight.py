"""Whole flights with a tiny base: what they leave, that they resume, reproduce, publish and compare."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tests.lab.conftest import make_reviews
from wingman.cli.main import cli
from wingman.lab.errors import BaseModelError, RecipeError
from wingman.lab.events import Events
from wingman.lab.flight import begin, fly, reopen
from wingman.lab.request import Request
from wingman.lab.run import Run, open_run

pytestmark = pytest.mark.slow
FAST = {"epochs": 12.0, "learning_rate": 5e-3, "batch_rows": 16, "publish": False}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def flown(tmp_path_factory, tiny_base):
    """One finished local flight: (run, result)."""
    folder = tmp_path_factory.mktemp("flown")
    make_reviews().to_csv(folder / "reviews.csv", index=False)
    result = fly(Request(data=str(folder / "reviews.csv"), home=folder / "home", base=str(tiny_base), **FAST))
    return open_run(folder / "home"), result


def test_the_result_has_just_the_documented_keys(flown):
    _, result = flown

    assert list(result) == [
        "repo",
        "revision",
        "url",
        "endpoint",
        "metrics",
        "baseline",
        "mcnemar_p",
        "rows",
        "seconds",
    ]
    assert set(result["metrics"]["accuracy"]) == {"value", "low", "high"}
    assert result["rows"] == {"train": 210, "validation": 30, "test": 60}
    json.dumps(result)


def test_the_model_learned_what_words_say(flown):
    _, result = flown

    # Two equal classes, 60 test rows, a base of random weights: what can be demanded is certainty that it is no guess.
    assert result["metrics"]["accuracy"]["low"] > 0.5
    assert result["metrics"]["accuracy"]["value"] > 0.75


def test_predictions_are_in_the_order_of_the_rows_they_name(flown):
    from transformers import pipeline

    run, _ = flown
    stored = pd.read_parquet(run.path("evaluation", "predictions.parquet"))
    texts = dict(
        zip(
            *[pd.read_parquet(run.path("prepared", "test.parquet"))[name] for name in ("place", "text")],
            strict=True,
        )
    )
    answers = pipeline("text-classification", model=str(run.path("model")))(
        [texts[place] for place in stored["place"]]
    )

    assert [answer["label"] for answer in answers] == list(stored["prediction"])
    np.testing.assert_allclose([answer["score"] for answer in answers], stored["confidence"], atol=1e-4)


def test_the_report_says_what_the_predictions_say(flown):
    run, result = flown
    stored = pd.read_parquet(run.path("evaluation", "predictions.parquet"))

    assert result["metrics"]["accuracy"]["value"] == pytest.approx(stored["right"].mean(), abs=1e-6)
    assert result["baseline"]["accuracy"]["value"] == pytest.approx(
        (stored["baseline"] == stored["label"]).mean(), abs=1e-6
    )


def test_engines_are_checked_and_fp32_equals_the_model(flown):
    run, _ = flown
    engines = run.read_json("evaluation", "engines.json")["engines"]

    assert engines["fp32"]["test"]["largest_difference"] < 1e-4
    assert engines["int8"]["test"]["agreement"] > 0.9


def test_the_card_is_parsed_by_the_public_client(flown):
    from huggingface_hub import ModelCard

    run, result = flown
    card = ModelCard.load(run.path("card", "README.md"))
    accuracy = next(found for found in card.data.eval_results if found.metric_type == "accuracy")

    assert accuracy.metric_value == pytest.approx(result["metrics"]["accuracy"]["value"], abs=1e-4)
    assert accuracy.metric_args["low"] < accuracy.metric_value
    assert "## Limits found" in card.text


def test_the_same_flight_again_does_nothing(flown, tiny_base):
    run, result = flown
    reused = []
    request = Request(**{**run.request, "home": run.folder.parents[1]})

    again = fly(
        request,
        listeners=[
            lambda event: reused.append(event.get("reused")) if event["event"] == "step_finished" else None
        ],
    )

    assert again["metrics"] == result["metrics"]
    assert reused[1:] == [True] * 7


def test_events_are_whole_lines_with_times_and_steps(flown):
    run, _ = flown
    events = [json.loads(line) for line in run.path("events.jsonl").read_text().splitlines()]

    assert events[0]["event"] == "flight_started"
    assert [event["step"] for event in events if event["event"] == "step_finished"][:8] == [
        "choose", "prepare", "baseline", "train", "evaluate", "export", "compare", "card",
    ]  # fmt: skip


def start_flight(home: Path, data: Path, base: Path) -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "wingman.cli",
        "fly",
        str(data),
        "--home",
        str(home),
        "--base",
        str(base),
    ]
    command += ["--no-publish", "--epochs", "20", "--learning-rate", "0.001"]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors


def wait_for(condition, process: subprocess.Popen, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the flight did not come so far"
        time.sleep(0.02)


def test_a_flight_killed_while_training_ends_with_the_same_model(tmp_path, reviews, tiny_base):
    finish(start_flight(tmp_path / "whole", reviews, tiny_base))
    whole = open_run(tmp_path / "whole")

    killed = start_flight(tmp_path / "killed", reviews, tiny_base)
    wait_for(
        lambda: list((tmp_path / "killed").glob("runs/*/checkpoints/checkpoint-*/trainer_state.json")), killed
    )
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    resumed = open_run(tmp_path / "killed")
    assert resumed.record("train") is None
    finish(start_flight(tmp_path / "killed", reviews, tiny_base))

    assert resumed.id == whole.id
    assert resumed.record("train")["summary"]["resumed_from"] is not None
    assert digest(resumed.path("model", "model.safetensors")) == digest(
        whole.path("model", "model.safetensors")
    )
    assert resumed.read_json("evaluation", "report.json") == whole.read_json("evaluation", "report.json")


@pytest.mark.parametrize("step", ["prepare", "evaluate", "export"])
def test_a_flight_killed_after_any_step_goes_on_from_there(flown, tmp_path, step):
    import shutil

    run, result = flown
    home = tmp_path / "home"
    shutil.copytree(run.folder.parents[1], home)
    copy = Run(home / "runs" / run.id)
    # What a kill in the middle of the step leaves: no record, half of its output.
    copy.path("records", f"{step}.json").unlink()
    half = {
        "prepare": "prepared/test.parquet",
        "evaluate": "evaluation/report.json",
        "export": "onnx/model_int8.onnx",
    }[step]
    copy.path(half).write_bytes(b"half")

    again = fly(Request(**{**run.request, "home": home}))

    assert again["metrics"] == result["metrics"]


def test_callers_bring_their_own_arguments_callbacks_loss_metrics_and_trainer(tmp_path, reviews, tiny_base):
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from wingman.lab.steps.train import Custom

    seen = {"steps": 0, "losses": 0, "metrics": 0, "trainer": 0}

    class Count(TrainerCallback):
        def on_step_end(self, *_, **__):
            seen["steps"] += 1

    class Mine(Trainer):
        def training_step(self, *given, **named):
            seen["trainer"] += 1
            return super().training_step(*given, **named)

    def loss(outputs, labels, num_items_in_batch=None):
        seen["losses"] += 1
        return torch.nn.functional.cross_entropy(outputs.logits, labels, label_smoothing=0.1)

    def metrics(predicted):
        seen["metrics"] += 1
        return {"accuracy": float((predicted.predictions.argmax(-1) == predicted.label_ids).mean())}

    arguments = TrainingArguments(
        output_dir="unused",
        max_steps=7,
        eval_strategy="steps",
        eval_steps=7,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
    )
    custom = Custom(Mine, arguments, [Count()], loss, metrics)
    request = Request(data=str(reviews), home=tmp_path, base=str(tiny_base), **FAST)
    fly(request, custom=custom)
    run = open_run(tmp_path)

    assert seen["steps"] == seen["trainer"] == 7
    assert seen["metrics"] == 1
    assert seen["losses"] >= 7
    assert "trainer_class: " in " ".join(run.recipe.training.custom)


@pytest.mark.parametrize("method", ["lora", "features"])
def test_other_methods_leave_a_plain_model_too(tmp_path, reviews, tiny_base, method):
    from transformers import AutoModelForSequenceClassification

    fly(
        Request(
            data=str(reviews), home=tmp_path, base=str(tiny_base), method=method, epochs=2.0, publish=False
        )
    )
    run = open_run(tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(run.path("model"))
    base = AutoModelForSequenceClassification.from_pretrained(tiny_base)

    same = torch_equal(model.bert.encoder, base.bert.encoder)
    assert same == (method == "features")
    assert type(model).__name__ == "BertForSequenceClassification"


def test_adapters_begin_from_the_probe_too(tmp_path, tiny_base):
    from transformers import AutoModelForSequenceClassification

    frame = make_reviews(150)
    frame["label"] = [f"topic {number % 3}" for number in range(len(frame))]
    frame["text"] = frame["label"].str.replace("topic 0", "fine").str.replace("topic 1", "dull") + " " + frame["text"]
    frame.to_csv(tmp_path / "data.csv", index=False)
    still = {"epochs": 1.0, "learning_rate": 1e-12, "publish": False}

    fly(Request(data=str(tmp_path / "data.csv"), home=tmp_path, base=str(tiny_base), method="lora", **still))
    run = open_run(tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(run.path("model"))

    assert run.recipe.training.head == "probe"
    assert model.classifier.weight.abs().max() > 0.1  # a layer at random has a deviation of 0.02
    assert "begun from a linear probe" in run.path("card", "README.md").read_text("utf-8")


def test_a_head_is_trained_while_its_loss_falls_though_few_rows_show_no_better_accuracy(tmp_path, tiny_base):
    frame = make_reviews(120)
    frame["label"] = ["rare" if number % 12 == 0 else "usual" for number in range(len(frame))]
    frame.to_csv(tmp_path / "data.csv", index=False)

    fly(
        Request(
            data=str(tmp_path / "data.csv"), home=tmp_path, base=str(tiny_base), method="features", publish=False
        )
    )
    trained = open_run(tmp_path).require("train")["summary"]
    judged = [entry for entry in trained["history"] if "eval_loss" in entry]

    best = min(judged, key=lambda entry: entry["eval_loss"])
    most = max(judged, key=lambda entry: entry["eval_accuracy"])  # the first one of equals

    assert trained["best"]["step"] == best["step"]
    assert best["step"] > most["step"] + 8  # the patience, in epochs of one step


def test_report_and_card_say_that_the_paired_test_knows_no_documents(tmp_path, tiny_base):
    frame = make_reviews(200)
    frame["document"] = [f"d{number // 2}" for number in range(len(frame))]
    frame.to_csv(tmp_path / "data.csv", index=False)

    fly(Request(data=str(tmp_path / "data.csv"), home=tmp_path, base=str(tiny_base), epochs=1.0, publish=False))
    run = open_run(tmp_path)

    report = run.read_json("evaluation", "report.json")
    assert report["test_rows_by"] == "documents"
    assert "p may be too small" in report["mcnemar"]["words"]
    assert report["mcnemar"]["words"] in run.path("card", "README.md").read_text("utf-8")


def test_the_command_names_its_own_run_though_another_began_later(tmp_path, tiny_base, reviews, monkeypatch):
    from wingman.lab.steps import train

    def begin_another(*given, **named):
        later = tmp_path / "runs" / "later" / "recipe.yaml"
        later.parent.mkdir(parents=True)
        later.write_text("format: 1\n")
        return really_train(*given, **named)

    really_train = train.train
    monkeypatch.setattr(train, "train", begin_another)
    options = ["--home", str(tmp_path), "--base", str(tiny_base), "--epochs", "1", "--run-id", "mine", "--no-publish"]
    done = CliRunner().invoke(cli, ["fly", str(reviews), *options])

    assert done.exit_code == 0, done.output
    assert f"The model is in {tmp_path / 'runs' / 'mine'}." in done.output
    assert "publish mine --to" in done.output


def torch_equal(one, two) -> bool:
    import torch

    return all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_labels_may_consist_of_any_characters(tmp_path, tiny_base, recwarn):
    names = ["$\\frac{$", "yes | no", "two\nlines", "好的", "😀 `code` <b>"]
    frame = make_reviews(200)
    frame["label"] = [names[number % len(names)] for number in range(len(frame))]
    frame.to_json(tmp_path / "data.jsonl", orient="records", lines=True)

    fly(Request(data=str(tmp_path / "data.jsonl"), home=tmp_path, base=str(tiny_base), **{**FAST, "epochs": 1.0}))
    run = open_run(tmp_path)

    table = run.path("card", "README.md").read_text("utf-8").partition("| label | rows")[2].partition("\n\n")[0]
    cells = [re.split(r"(?<!\\)\|", line) for line in table.splitlines()[2:]]
    assert [len(row) for row in cells] == [7] * len(names)
    assert {row[1].strip() for row in cells} >= {"yes \\| no", "two lines", "😀 \\`code\\` \\<b\\>"}
    assert "$\\frac{$" in run.path("evaluation", "confusion.svg").read_text("utf-8")
    assert [str(warning.message) for warning in recwarn if "Glyph" in str(warning.message)] == []


class Killed(Exception):
    """What a test throws into a flight."""


@pytest.mark.parametrize("moment", ["while it waits for a better state", "after it has stopped"])
def test_early_stopping_goes_on_as_if_nothing_had_been(tmp_path, reviews, tiny_base, monkeypatch, moment):
    from wingman.lab.training import methods

    make_reviews(150).to_csv(reviews, index=False)

    def request(home: str) -> Request:
        return Request(
            data=str(reviews), home=tmp_path / home, base=str(tiny_base), **{**FAST, "epochs": 40.0}
        )

    fly(request("whole"))
    whole = open_run(tmp_path / "whole")
    trained = whole.require("train")["summary"]
    waits = next(entry["step"] for entry in trained["history"] if entry["step"] > trained["best"]["step"])
    assert waits < trained["steps"], "the training must wait for more than one epoch"

    def kill(event: dict) -> None:
        if event["event"] == "metric" and event["name"] == "loss" and event["at"] > waits:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        if moment == "after it has stopped":
            patch.setattr(methods, "merge", lambda *_: (_ for _ in ()).throw(Killed()))
            fly(request("killed"))
        else:
            fly(request("killed"), listeners=[kill])
    fly(request("killed"))
    resumed = open_run(tmp_path / "killed")

    again = resumed.require("train")["summary"]
    assert again["resumed_from"] is not None
    assert (again["steps"], again["best"]) == (trained["steps"], trained["best"])
    assert digest(resumed.path("model", "model.safetensors")) == digest(whole.path("model", "model.safetensors"))


def test_checkpoints_of_other_data_are_not_gone_on_from(tmp_path, reviews, tiny_base, monkeypatch):
    from wingman.lab.training import methods

    request = Request(data=str(reviews), home=tmp_path, base=str(tiny_base), **{**FAST, "epochs": 2.0})
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(methods, "merge", lambda *_: (_ for _ in ()).throw(Killed()))
        fly(request, run_name="mine")
    make_reviews(seed=1).to_csv(reviews, index=False)

    fly(request, run_name="mine")

    assert Run(tmp_path / "runs" / "mine").require("train")["summary"]["resumed_from"] is None


def test_a_flight_that_breaks_unexpectedly_says_so_in_its_events(tmp_path, reviews, tiny_base, monkeypatch):
    from wingman.lab.steps import baseline

    said = []
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(baseline, "baseline", lambda *_: (_ for _ in ()).throw(Killed("of a test")))
        fly(Request(data=str(reviews), home=tmp_path, base=str(tiny_base), **FAST), listeners=[said.append])

    assert said[-1]["event"] == "flight_failed"
    assert said[-1]["error"] == "Killed: of a test"


def test_two_flights_may_prepare_the_same_rows_at_once(tmp_path, reviews, tiny_base, monkeypatch):
    from wingman.lab.steps import prepare

    request = Request(data=str(reviews), home=tmp_path, base=str(tiny_base), **{**FAST, "epochs": 1.0})
    write, began = prepare._write_splits, []

    def write_while_another_does(folder: Path, *rest) -> None:
        began.append(folder)
        if len(began) == 1:
            fly(replace(request, method="features"))
        write(folder, *rest)

    monkeypatch.setattr(prepare, "_write_splits", write_while_another_does)
    fly(request)

    assert len(set(began)) == 2
    assert [path for path in (tmp_path / "cache" / "prepared").iterdir() if not prepare._is_whole(path)] == []
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 2


def test_a_run_is_worked_on_by_one_flight_at_a_time(tmp_path, reviews, tiny_base):
    request = Request(data=str(reviews), home=tmp_path, base=str(tiny_base), **{**FAST, "epochs": 1.0})

    with Run(tmp_path / "runs" / "mine").held(), pytest.raises(RecipeError, match=f"process {os.getpid()}"):
        fly(request, run_name="mine")
    fly(request, run_name="mine")

    assert Run(tmp_path / "runs" / "mine").path("result.json").is_file()


def test_a_step_is_not_done_with_another_base_than_the_run_began_with(tmp_path, reviews, tiny_base, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_base, tmp_path / "mine")
    request = Request(data=str(reviews), home=tmp_path / "home", base="./mine", **{**FAST, "epochs": 1.0})
    begun = begin(request, events=Events(None))
    begun.do("prepare")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert reopen(begun.run, Events(None)).base.digest == begun.base.digest
    config = tmp_path / "mine" / "config.json"
    config.write_text(config.read_text().replace("{", '{"other": 1,', 1))
    with pytest.raises(BaseModelError, match=r"not the base that run .* began with"):
        reopen(begun.run, Events(None))
