"""Every kind of bad input stops in the dry run: what was found, where, what to do; and nothing is left behind."""

import errno
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tests.lab.conftest import make_reviews
from wingman.cli.main import cli
from wingman.lab.base import read_base
from wingman.lab.data.text import text_key
from wingman.lab.errors import RecipeError, ResourceError
from wingman.lab.estimate import Estimate, check_resources, estimate_flight, remember_speed
from wingman.lab.events import Events
from wingman.lab.recipe import default_training
from wingman.lab.request import Request
from wingman.lab.room import check_download, container_memory
from wingman.lab.run import Run
from wingman.lab.steps.choose import choose

NO_HUB = ["--hub", "http://127.0.0.1:9"]  # the discard port: nobody answers


def fly(home, data, *options, base=None):
    arguments = ["fly", str(data), "--home", str(home), *options]
    arguments += ["--base", str(base)] if base else []
    return CliRunner().invoke(cli, arguments)


def rows(*extra, n=60):
    return make_reviews(n).to_csv(index=False) + "".join(f"{line}\n" for line in extra)


BAD = {
    "malformed CSV": (rows("one,two,three"), [], ["line 62", "another number of fields", "quotation marks"]),
    "one class only": (
        rows().replace(",bad", ",good"),
        [],
        ["same label, 'good'", "line 2", "Add rows of another class"],
    ),
    "two rows": ("text,label\na b,x\nc d,y\n", [], ["2 usable rows", "line 2, line 3", "at least 20"]),
    "empty file": ("", [], ["is empty"]),
    "10 MB cell": (rows("x" * 10_000_000 + ",good"), [], ["10,000,000 characters", "line 62"]),
    "unknown column": (rows(), ["--column", "label=sentiment"], ["no column 'sentiment'", "text, label"]),
    "labels that conflict": (
        rows("the very same,good", "The very same!,bad"),
        [],
        ["line 62 says 'good'", "line 63 says 'bad'", "--repair"],
    ),
    "Hub not running": (
        rows(),
        [*NO_HUB, "--to", "me/mine"],
        ["No Hub answers at http://127.0.0.1:9", "wingman up"],
    ),
    "Hub not running, and no repository named": (
        rows(),
        NO_HUB,
        ["No Hub answers at http://127.0.0.1:9", "wingman up", "--no-publish"],
    ),
    "a number to each row": (
        "text,score\n" + "".join(f"the text of row {i},{i / 7:.4f}\n" for i in range(60)),
        [],
        ["Column 'score' holds 60 different numbers", "named ranges", "--column label=NAME"],
    ),
    "a label to each row": (
        "text,label\n" + "".join(f"the text of row {i},user-{i}\n" for i in range(60)),
        [],
        ["Column 'label' has 60 different values in 60 rows", "--column label="],
    ),
    "no such column": (
        "text\n" + "a few words\n" * 30,
        [],
        ["looks like the label", "Its columns are: text", "--column label=NAME"],
    ),
    "absent base": (
        rows(),
        ["--base", "./nowhere-to-be-found", *NO_HUB],
        [("There is no folder ./nowhere-to-be-found here, and no model")],
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_stops_with_what_where_and_what_to_do(tmp_path, tiny_base, kind):
    content, options, expected = BAD[kind]
    (tmp_path / "data.csv").write_text(content)
    home = tmp_path / "home"

    done = fly(home, tmp_path / "data.csv", *options, base=None if "--base" in options else tiny_base)

    assert done.exit_code == 1, done.output
    assert [words for words in expected if words not in done.output] == []
    assert not (home / "runs").exists()


def test_wrong_encoding_stops_and_the_advised_option_works(tmp_path, tiny_base):
    path = tmp_path / "data.csv"
    path.write_bytes(rows("café noir,good").encode("cp1252"))

    refused = fly(tmp_path, path, *NO_HUB, base=tiny_base)
    accepted = fly(tmp_path, path, *NO_HUB, "--dry-run", "--encoding", "cp1252", base=tiny_base)

    assert (refused.exit_code, accepted.exit_code) == (1, 0)
    assert "line 62" in refused.output


@pytest.mark.parametrize(
    ("option", "value", "status"),
    [
        ("epochs", "0", 2),
        ("epochs", "-1", 2),
        ("epochs", "nan", 1),
        ("epochs", "inf", 1),
        ("learning-rate", "0", 2),
        ("batch-rows", "0", 2),
        ("max-length", "0", 2),
        ("max-length", "-5", 2),
        ("seed", "-1", 2),
        ("seed", "4294967296", 2),
    ],
)
def test_numbers_that_train_nothing_are_refused_before_anything_is_read(tmp_path, option, value, status):
    done = fly(tmp_path / "home", tmp_path / "not-read.csv", f"--{option}={value}", *NO_HUB)

    assert done.exit_code == status, done.output
    assert f"--{option}" in done.output
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    "number", [{"epochs": 0}, {"learning_rate": -1.0}, {"batch_rows": 0}, {"max_length": 2}, {"seed": -1}]
)
def test_numbers_given_in_python_are_checked_too(tmp_path, number):
    option = next(iter(number)).replace("_", "-")

    with pytest.raises(RecipeError, match=rf"--{option} is .*; it must be"):
        choose(Request(data="not-read.csv", home=tmp_path, publish=False, **number))


@pytest.mark.parametrize(
    "options",
    [
        ["--epochs=5"],
        ["--learning-rate=1e-3", "--seed=0"],
        ["--method=full", "--max-length=64", "--batch-rows=8"],
        ["--column=text=text", "--repair", "--task=text-classification"],
        ["--encoding=utf-8", "--data-revision=main", "--base-revision=main"],
    ],
)
def test_what_a_recipe_pins_cannot_be_chosen_beside_it(tmp_path, reviews, options):
    done = fly(tmp_path / "home", reviews, "--recipe", "not-read.yaml", *options)

    assert done.exit_code == 2, done.output
    assert [option for option in options if option.split("=")[0] not in done.output] == []


def test_where_data_and_base_lie_and_the_model_goes_can_be_said_beside_a_recipe(tmp_path, reviews, tiny_base):
    request = Request(data=str(reviews), home=tmp_path, base=str(tiny_base), epochs=2.0, publish=False)
    (tmp_path / "recipe.yaml").write_text(choose(request).recipe.to_yaml())

    recipe = ["--recipe", str(tmp_path / "recipe.yaml")]
    done = fly(tmp_path, reviews, *recipe, "--no-publish", "--private", "--dry-run", base=tiny_base)

    assert done.exit_code == 0, done.output


def test_test_rows_among_training_rows_stop_and_are_repaired(tmp_path, tiny_base):
    frame = make_reviews(100)
    frame["split"] = ["train"] * 80 + ["test"] * 20
    frame.loc[85, "text"] = frame.loc[3, "text"].upper()
    frame.loc[85, "label"] = frame.loc[3, "label"]
    frame.to_csv(tmp_path / "data.csv", index=False)

    refused = fly(tmp_path, tmp_path / "data.csv", *NO_HUB, base=tiny_base)
    repaired = fly(tmp_path, tmp_path / "data.csv", *NO_HUB, "--dry-run", "--repair", base=tiny_base)

    assert (refused.exit_code, repaired.exit_code) == (1, 0)
    assert "line 87 is line 5" in refused.output
    assert "--repair left 1 of 100 rows out" in repaired.output


def test_an_earlier_recipe_of_a_folder_still_knows_its_data(tmp_path, tiny_base):
    folder, digests = tmp_path / "reviews", []
    folder.mkdir()
    for name, n in (("test", 40), ("train", 100)):
        make_reviews(n, seed=n).to_csv(folder / f"{name}.csv", index=False)
        digests.append(hashlib.sha256((folder / f"{name}.csv").read_bytes()).hexdigest())
    request = Request(data=str(folder), home=tmp_path, endpoint=NO_HUB[1], base=str(tiny_base), publish=False)
    recipe = choose(request).recipe
    earlier = replace(recipe.data, digest=hashlib.sha256("".join(digests).encode()).hexdigest())

    assert choose(request, recipe=replace(recipe, data=earlier)).recipe == recipe


def test_a_character_that_was_cut_in_two_is_replaced_and_said(tmp_path, tiny_base):
    lines = [json.dumps(row) for row in make_reviews(60).to_dict("records")]
    lines[3] = lines[3].replace('", "label"', '\\ud83d", "label"')
    (tmp_path / "data.jsonl").write_text("\n".join(lines))

    done = fly(tmp_path, tmp_path / "data.jsonl", *NO_HUB, "--dry-run", base=tiny_base)

    assert done.exit_code == 0, done.output
    assert "1 text holds a character that was cut or lost; read as \ufffd. (line 4)" in done.output


def test_a_class_of_one_document_is_trained_on_and_said_not_to_be_measured(tmp_path, tiny_base):
    frame = make_reviews(100).sort_values("label", kind="stable").reset_index(drop=True)
    bad = int((frame["label"] == "bad").sum())
    frame["document"] = [f"d{max(0, (row - bad) // 5 + 1)}" for row in range(100)]
    frame.to_csv(tmp_path / "data.csv", index=False)

    done = fly(tmp_path, tmp_path / "data.csv", *NO_HUB, "--dry-run", base=tiny_base)

    assert done.exit_code == 0, done.output
    assert "No test row shows 'bad'" in done.output


@pytest.mark.parametrize(("memory", "disk", "word"), [(10**15, 0, "memory"), (0, 10**18, "disk")])
def test_too_little_memory_or_disk_is_said_in_gigabytes(tmp_path, memory, disk, word):
    with pytest.raises(ResourceError, match=rf"GB of {word}.*(--base|--home)"):
        check_resources(Estimate(1.0, memory, disk, 1, "a test"), tmp_path / "not-yet-there")


@pytest.mark.parametrize(
    ("method", "seconds", "kept"), [("full", 60, True), ("full", 5, False), ("features", 60, False)]
)
def test_only_flights_that_tell_of_the_machine_teach_the_next_estimate(tmp_path, tiny_base, method, seconds, kept):
    base = read_base(tiny_base, id="tiny", revision=None)
    training = default_training(method, train_rows=100, num_labels=2, precision="fp32", seed=0, max_length=16)
    lengths = np.full(100, 16)
    before = estimate_flight(base, lengths, 30, training, tmp_path)

    remember_speed(tmp_path, training, flops=1e6 * seconds, seconds=seconds)  # a very slow machine
    after = estimate_flight(base, lengths, 30, training, tmp_path)

    assert (after.seconds > 2 * before.seconds) == kept
    assert ("earlier flight" in after.basis) == kept


def test_a_base_too_large_to_hold_or_to_store_is_not_fetched(tmp_path):
    with pytest.raises(ResourceError, match=r"weights of org/huge take .* GB; .* GB of memory are free.*--base"):
        check_download("org/huge", weights_bytes=10**15, missing_bytes=0, folder=tmp_path)
    with pytest.raises(ResourceError, match=r"Fetching org/huge takes .* GB of disk below"):
        check_download("org/huge", weights_bytes=0, missing_bytes=10**18, folder=tmp_path / "not-yet-there")


def test_files_that_a_container_can_drop_from_memory_are_not_in_the_way(tmp_path):
    for name, content in (("max", "4000"), ("current", "3500"), ("stat", "anon 500\ninactive_file 2000\n")):
        (tmp_path / f"memory.{name}").write_text(content)
    assert container_memory(tmp_path) == 2500

    (tmp_path / "memory.max").write_text("max\n")
    assert container_memory(tmp_path) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to a limit on mapped memory")
def test_a_process_that_cannot_load_the_libraries_says_so(tmp_path, reviews, tiny_base):
    command = [sys.executable, "-m", "wingman.cli", "fly", str(reviews), "--home", str(tmp_path), "--dry-run"]
    limited = ["bash", "-c", 'ulimit -v 1500000; exec "$0" "$@"', *command, *NO_HUB, "--base", str(tiny_base)]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("Error: Loading PyTorch alone takes")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EDQUOT, "Quota exceeded")]
)
def test_a_disk_that_fills_up_on_the_way_is_named(tmp_path, error):
    def work():
        raise error

    with pytest.raises(ResourceError, match=r"disk is full.*it goes on from here"):
        Run(tmp_path).do("train", {}, work, [], Events(None))
    assert Run(tmp_path).record("train") is None


def test_other_errors_of_a_step_stay_what_they_are(tmp_path):
    def work():
        raise PermissionError(errno.EACCES, "not yours")

    with pytest.raises(PermissionError):
        Run(tmp_path).do("train", {}, work, [], Events(None))


@pytest.fixture
def base_of_an_earlier_flight(tmp_path, tiny_base):
    """The tiny base as if it had been trained on the first 40 of 60 reviews, and tested on the others."""
    folder = tmp_path / "my-base"
    shutil.copytree(tiny_base, folder)
    (folder / "evaluation").mkdir()
    keys = [text_key(text) for text in make_reviews(60)["text"]]
    splits = pd.DataFrame({"key": keys, "split": ["train"] * 30 + ["validation"] * 10 + ["test"] * 20})
    splits.to_parquet(folder / "evaluation" / "splits.parquet")
    return folder


def reviews_with_tests(*tested, n=60):
    frame = make_reviews(n)
    frame["split"] = ["test" if number in tested else "train" for number in range(n)]
    return frame.to_csv(index=False)


def test_test_rows_that_the_base_was_trained_on_are_counted(tmp_path, base_of_an_earlier_flight):
    (tmp_path / "data.csv").write_text(reviews_with_tests(*range(28, 45)))

    done = fly(tmp_path, tmp_path / "data.csv", *NO_HUB, "--dry-run", base=base_of_an_earlier_flight)

    assert "my-base was itself trained or tuned on 12 texts of the 17 test rows" in done.output


def test_a_base_that_was_tested_on_the_same_rows_has_not_learned_from_them(tmp_path, base_of_an_earlier_flight):
    (tmp_path / "data.csv").write_text(reviews_with_tests(*range(40, 60)))

    done = fly(tmp_path, tmp_path / "data.csv", *NO_HUB, "--dry-run", base=base_of_an_earlier_flight)

    assert done.exit_code == 0, done.output
    assert "trained or tuned on" not in done.output


@pytest.mark.parametrize(
    "content",
    [
        b"no Parquet",
        b"",
        {"key": ["a"]},
        {"split": ["train"]},
        {"key": [["a"]], "split": ["train"]},
        {"key": [1], "split": [2]},
    ],
)
def test_what_is_no_list_of_splits_tells_nothing_of_a_base(tmp_path, base_of_an_earlier_flight, content):
    path = base_of_an_earlier_flight / "evaluation" / "splits.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pd.DataFrame(content).to_parquet(path)
    (tmp_path / "data.csv").write_text(rows())

    done = fly(tmp_path, tmp_path / "data.csv", *NO_HUB, "--dry-run", base=base_of_an_earlier_flight)

    assert done.exit_code == 0, done.output


def test_a_dry_run_says_what_it_found_and_writes_no_run(tmp_path, reviews, tiny_base):
    done = fly(tmp_path, reviews, "--dry-run", *NO_HUB, base=tiny_base)

    assert done.exit_code == 0, done.output
    assert "column 'text' (" in done.output
    assert "right within a factor of two" in done.output
    assert not (tmp_path / "runs").exists()
