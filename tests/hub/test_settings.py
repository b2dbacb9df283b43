"""Settings: one name, three spellings, one rule of precedence."""

from dataclasses import fields
from pathlib import Path

import pytest

from wingman.settings import Settings, SettingsError, load_settings, variable_name

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_an_option_wins_over_the_environment_and_that_over_the_file(tmp_path):
    (tmp_path / "wingman.toml").write_text('port = 1001\nhost = "file"\nname = "from the file"\n')
    environ = {"WINGMAN_PORT": "1002", "WINGMAN_HOST": "environment"}

    settings = load_settings({"home": tmp_path, "port": 1003, "host": None}, environ=environ)

    assert (settings.port, settings.host, settings.name) == (1003, "environment", "from the file")


def test_embedded_stores_live_in_the_home_folder(tmp_path):
    settings = load_settings({"home": tmp_path}, environ={})

    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/hub/hub.db"
    assert settings.resolved_storage_url == f"file://{tmp_path}/hub/objects"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"WINGMAN_PORT": "eighty"}, "port from the environment is 'eighty'; it must be a int"),
        ({"WINGMAN_PORT": "70000"}, "port is 70000; it must be between 0 and 65535"),
        ({"WINGMAN_SIGNUP": "maybe"}, "signup from the environment is 'maybe'"),
        ({"WINGMAN_PUBLIC_URL": "hub.example"}, "public_url is 'hub.example'; it must start with http"),
        ({"WINGMAN_LOG_LEVEL": "loud"}, "log_level is 'loud'"),
        ({"WINGMAN_CONFIG": "/nowhere/wingman.toml"}, "There is no configuration file /nowhere/wingman.toml"),
    ],
)
def test_a_bad_value_says_what_and_where(tmp_path, environ, told):
    with pytest.raises(SettingsError, match=told.replace("(", r"\(")):
        load_settings({"home": tmp_path}, environ=environ)


def test_a_file_with_an_unknown_name_is_refused(tmp_path):
    (tmp_path / "wingman.toml").write_text("prot = 1\n")

    with pytest.raises(SettingsError, match="settings that do not exist: prot"):
        load_settings({"home": tmp_path}, environ={})


def test_a_trailing_slash_of_the_public_url_is_dropped(tmp_path):
    settings = load_settings({"home": tmp_path}, environ={"WINGMAN_PUBLIC_URL": "https://hub.example/"})

    assert settings.public_url == "https://hub.example"


def test_every_setting_is_documented_with_its_variable_and_default():
    page = PAGE.read_text("utf-8")

    for setting in fields(Settings):
        row = next((line for line in page.splitlines() if line.startswith(f"| `{setting.name}` |")), "")
        assert f"`{variable_name(setting.name)}`" in row, f"docs/settings.md lacks {setting.name}"
        assert setting.metadata["help"] in row, f"docs/settings.md tells {setting.name} otherwise"
