"""What a command says to paste works as pasted: the program is found, the folder is right, Python is not indented."""

import shlex
import sys
from pathlib import Path

import pytest

from wingman.cli.demo import _summary
from wingman.cli.hub import RunningHub
from wingman.cli.shown import home_option, shown_program, shown_token
from wingman.settings import load_settings

INTERVAL = {"value": 0.88, "low": 0.87, "high": 0.89}
RESULT = {
    "url": "http://127.0.0.1:1/admin/m",
    "endpoint": "http://127.0.0.1:1/models/admin/m",
    "metrics": {"accuracy": INTERVAL},
    "baseline": {"accuracy": INTERVAL},
    "mcnemar_p": 1e-9,
    "rows": {"train": 1, "validation": 1, "test": 1},
}


def test_a_program_is_called_by_name_only_where_the_shell_finds_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Path(sys.executable).parent
    monkeypatch.chdir(ours.parent)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert shown_program("wingman") == f"{ours.name}/wingman"

    monkeypatch.setenv("PATH", f"{ours}:/usr/bin:/bin")
    assert shown_program("wingman") == "wingman"


def test_the_home_is_named_unless_commands_take_it_anyway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WINGMAN_HOME", raising=False)
    assert home_option(tmp_path / "my home") == " --home 'my home'"

    monkeypatch.setenv("WINGMAN_HOME", str(tmp_path / "my home"))
    assert home_option(tmp_path / "my home") == ""


def test_a_token_is_not_shown_but_found_where_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / "admin-token").write_text("hf_secret\n")

    assert shown_token(tmp_path, "hf_secret") == "$(cat admin-token)"
    assert shown_token(tmp_path, None).endswith("hf auth token)")
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    assert shown_token(tmp_path, "hf_other") == "$HF_TOKEN"


def test_the_lines_that_end_the_demo_can_be_pasted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings({"home": str(tmp_path)})
    _summary(settings, RunningHub(1, "http://127.0.0.1:1", "a boot and a time"), "hf_x", RESULT, 60.0)
    said = capsys.readouterr().out

    python = said.partition("Ask in Python")[2].partition("\n\n")[2]
    assert len(python.splitlines()) == 3
    compile(python, "pasted", "exec")
    (curl,) = [line for line in said.splitlines() if line.startswith("curl ")]
    assert shlex.split(curl)[1] == RESULT["endpoint"]
    fly = next(line.removeprefix("Fly your own").strip() for line in said.splitlines() if line.startswith("Fly"))
    assert shlex.split(fly)[1:] == ["fly", "my.csv", "--home", str(tmp_path)]
