"""The libraries above the client work by HF_ENDPOINT alone: datasets, transformers, and the `hf` command."""

import sys
from pathlib import Path

import pytest

from tests.clients.files import digests, sha256, write_random

pytestmark = pytest.mark.client
HF = Path(sys.executable).with_name("hf")
SPLITS = {
    "train": {"text": ["a good film", "a bad film", "very, very good"], "label": [1, 0, 1]},
    "test": {"text": ["bad"], "label": [0]},
}
ROWS = {
    split: [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for split, columns in SPLITS.items()
}


def test_a_csv_in_a_repo_loads_whole_and_as_a_stream(libraries, repo_id, tmp_path):
    table = tmp_path / "train.csv"
    table.write_text('text,label\na good film,1\na bad film,0\n"very, very good",1\n', "utf-8")
    libraries.call("create_repo", repo_id=repo_id, repo_type="dataset")
    libraries.call(
        "upload_file",
        repo_id=repo_id,
        repo_type="dataset",
        path_or_fileobj=str(table),
        path_in_repo="train.csv",
    )

    loaded = libraries.run_script("load_dataset.py", repo_id=repo_id)

    assert loaded == {"whole": {"train": ROWS["train"]}, "stream": {"train": ROWS["train"]}}


def test_a_pushed_dataset_loads_with_its_splits(libraries, repo_id):
    libraries.run_script("push_dataset.py", repo_id=repo_id, splits=SPLITS)

    assert libraries.run_script("load_dataset.py", repo_id=repo_id) == {"whole": ROWS, "stream": ROWS}


@pytest.mark.slow
def test_a_model_loads_as_it_was_at_a_tag(libraries, repo_id):
    difference = libraries.run_script("publish_two_versions.py", repo_id=repo_id)

    assert difference["v1"] == 0
    assert difference["main"] == 0
    assert difference["apart"] > 0
    assert difference["tokens"] == [8, 9, 5, 7]


@pytest.mark.slow
def test_a_trainer_publishes_its_model_and_card(libraries, repo_id, tmp_path):
    libraries.run_script("train_and_push.py", repo_id=repo_id, folder=str(tmp_path / "run"))

    files = set(libraries.call("list_repo_files", repo_id=repo_id))
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= files
    messages = [commit["title"] for commit in libraries.call("list_repo_commits", repo_id=repo_id)]
    assert messages[0] == "Train for two steps"


def test_the_command_line_creates_uploads_lists_downloads_and_deletes(libraries, repo_id, tmp_path):
    folder = tmp_path / "model"
    write_random(folder / "weights.bin", 3_000_000)
    write_random(folder / "sub" / "notes.txt", 1000)

    libraries.run(HF, "repos", "create", repo_id)
    libraries.run(HF, "upload", repo_id, folder, "--commit-message", "Add a model")
    libraries.run(HF, "repos", "tag", "create", repo_id, "v1")
    libraries.run(HF, "download", repo_id, "--revision", "v1", "--local-dir", tmp_path / "copy")

    found = digests(tmp_path / "copy")
    del found[".gitattributes"]
    assert found == digests(folder)
    libraries.run(HF, "repos", "delete-files", repo_id, "sub/notes.txt")
    assert "sub/notes.txt" not in libraries.call("list_repo_files", repo_id=repo_id)
    libraries.run(HF, "repos", "delete", repo_id, "--yes")
    assert libraries.call("repo_exists", repo_id=repo_id) is False


def test_the_command_line_downloads_one_file(libraries, repo_id, tmp_path):
    expected = write_random(tmp_path / "one.bin", 100_000)
    libraries.run(HF, "upload", repo_id, tmp_path / "one.bin", "folder/one.bin")

    libraries.run(HF, "download", repo_id, "folder/one.bin", "--local-dir", tmp_path / "copy")

    assert sha256(tmp_path / "copy" / "folder" / "one.bin") == expected


def test_every_command_for_repositories_works(libraries, repo_id, tmp_path):
    def hf(*words: object) -> str:
        return libraries.run(HF, *words)

    (tmp_path / "a.txt").write_text("hello")
    write_random(tmp_path / "w.bin", 200_000)
    other, third = f"{repo_id}-copy", f"{repo_id}-moved"
    assert "alice" in hf("auth", "whoami")

    hf("repos", "create", repo_id, "--type", "dataset")
    hf("upload", repo_id, tmp_path, ".", "--type", "dataset", "--include", "*.txt", "--include", "*.bin")
    hf("repos", "branch", "create", repo_id, "dev", "--type", "dataset")
    hf("repos", "branch", "create", repo_id, "dev", "--type", "dataset", "--exist-ok")
    hf("repos", "branch", "delete", repo_id, "dev", "--type", "dataset")
    hf("repos", "tag", "create", repo_id, "v1", "--type", "dataset", "-m", "first")
    assert "v1" in hf("repos", "tag", "list", repo_id, "--type", "dataset")
    hf("repos", "tag", "delete", repo_id, "v1", "--type", "dataset", "--yes")
    hf("repos", "settings", repo_id, "--type", "dataset", "--private", "--gated", "auto")
    assert '"private": true' in hf("datasets", "info", repo_id)

    hf("repos", "duplicate", repo_id, other, "--type", "dataset")
    hf("repos", "move", other, third, "--type", "dataset")
    hf("repos", "cp", f"hf://datasets/{repo_id}/w.bin", f"hf://datasets/{third}/folder/w.bin")
    hf("repos", "cp", f"hf://datasets/{third}/folder/w.bin", tmp_path / "back.bin")
    assert sha256(tmp_path / "back.bin") == sha256(tmp_path / "w.bin")
    hf("repos", "delete-files", third, "*.txt", "folder/", "--type", "dataset")
    listed = hf("datasets", "ls", third, "-R")
    assert "w.bin" in listed
    assert "a.txt" not in listed
    assert "folder" not in listed
    mine = hf("datasets", "ls", "--author", "alice", "--search", repo_id.partition("/")[2], "--no-truncate")
    assert repo_id in mine
    assert third in mine
    assert third in hf("repos", "ls")
    hf("repos", "delete", third, "--type", "dataset", "--yes")
    hf("repos", "delete", third, "--type", "dataset", "--yes", "--missing-ok")
    assert third not in hf("repos", "ls")


def test_the_command_line_lists_models_and_spaces_and_shows_their_cards(libraries, repo_id, tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# The card\n")
    libraries.run(HF, "upload", repo_id, tmp_path / "README.md", "README.md")
    libraries.run(HF, "repos", "create", repo_id, "--type", "space", "--space-sdk", "static")

    assert "# The card" in libraries.run(HF, "models", "card", repo_id)
    assert "license:mit" in libraries.run(HF, "models", "info", repo_id)
    found = libraries.run(HF, "models", "ls", "--filter", "license:mit", "--sort", "created_at", "--no-truncate")
    assert repo_id in found
    assert "README.md" in libraries.run(HF, "models", "ls", repo_id)
    assert repo_id in libraries.run(HF, "spaces", "ls", "--author", "alice", "--no-truncate")
    assert '"sdk": "static"' in libraries.run(HF, "spaces", "info", repo_id)
    assert "README.md" in libraries.run(HF, "spaces", "ls", repo_id)
