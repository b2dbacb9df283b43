"""The one place that reads the environment and the configuration file.

Every setting has one name, three spellings and one rule of precedence: a command-line option wins over
an environment variable (`WINGMAN_PORT`), which wins over the TOML file (`port = 8080`), which wins over the
default. `docs/settings.md` lists them all; a test compares that page with `Settings`.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class SettingsError(ValueError):
    """A setting that cannot be used: names the setting, where it came from and what is accepted."""


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


_DEFAULT_HOME = Path("~/.wingman")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a Hub can be told, validated and frozen. Build it with `load_settings`."""

    home: Path = _setting(_DEFAULT_HOME, "Folder that holds everything when no other store is named.")
    host: str = _setting("127.0.0.1", "Address to listen on; 0.0.0.0 for every interface.")
    port: int = _setting(8080, "Port to listen on; 0 takes a free one.")
    public_url: str = _setting("", "Base URL that clients use; empty: the one of each request.")
    database_url: str = _setting("", "SQLAlchemy URL; empty: SQLite in the home folder.")
    storage_url: str = _setting(
        "", "Object store URL (file:, s3:, gs:, az:, memory:); empty: a folder in the home folder."
    )
    name: str = _setting("Wingman", "What this Hub calls itself on its pages.")
    allowed_origins: str = _setting(
        "*",
        "Web sites whose scripts may ask this Hub, as `https://wiki.example`, separated by spaces; *: every one; none.",
    )
    signup: bool = _setting(False, "Whether visitors may create accounts of their own.")
    max_regular_file_mb: int = _setting(10, "Largest file, in MB, that may enter git without LFS or Xet.")
    max_upload_gb: int = _setting(500, "Largest single file, in GB, that may be uploaded.")
    min_free_disk_mb: int = _setting(
        256, "Uploads are refused (507) when the local store has less room than this, in MB."
    )
    transfer_hours: int = _setting(12, "How long, in hours, an LFS transfer link stays valid.")
    max_serve_workers: int = _setting(2, "How many models may be loaded for inference at the same time.")
    serve_idle_minutes: int = _setting(15, "A model nobody asks leaves memory after this many minutes.")
    max_flights: int = _setting(
        1, "How many flights started from pages may fly at the same time; 0 starts none."
    )
    log_level: str = _setting("info", "debug, info, warning or error.")

    @property
    def hub_folder(self) -> Path:
        """Where the embedded stores live."""
        return self.home / "hub"

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.hub_folder / 'hub.db'}"

    @property
    def resolved_storage_url(self) -> str:
        return self.storage_url or (self.hub_folder / "objects").absolute().as_uri()


def load_settings(
    options: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    config: Path | None = None,
) -> Settings:
    """Merge defaults, the TOML file, `WINGMAN_*` variables and command-line options (later ones win).

    The file is `config`, else `$WINGMAN_CONFIG`, else `wingman.toml` in the home folder if there is one.
    Raises `SettingsError` for unknown names and values that do not fit.
    """
    given = {name: value for name, value in (options or {}).items() if value is not None}
    from_environment = {
        setting.name: environ[variable_name(setting.name)]
        for setting in fields(Settings)
        if environ.get(variable_name(setting.name))
    }
    home = Path(given.get("home") or from_environment.get("home") or _DEFAULT_HOME).expanduser()
    named = config or (Path(environ["WINGMAN_CONFIG"]) if environ.get("WINGMAN_CONFIG") else None)
    from_file = _read_file(named or home / "wingman.toml", must_exist=named is not None)
    values: dict[str, Any] = {}
    for source, mapping in (
        ("the file", from_file),
        ("the environment", from_environment),
        ("an option", given),
    ):
        for name, value in mapping.items():
            values[name] = _coerce(name, value, source)
    settings = Settings(**values)
    return _checked(settings)


def variable_name(setting: str) -> str:
    """The environment variable of a setting.

    >>> variable_name("public_url")
    'WINGMAN_PUBLIC_URL'
    """
    return f"WINGMAN_{setting.upper()}"


def _read_file(path: Path, *, must_exist: bool) -> dict[str, Any]:
    if not path.is_file():
        if must_exist:
            raise SettingsError(f"There is no configuration file {path}.")
        return {}
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from error
    unknown = sorted(set(values) - {setting.name for setting in fields(Settings)})
    if unknown:
        raise SettingsError(f"{path} has settings that do not exist: {', '.join(unknown)}.")
    return values


_ORIGIN = re.compile(r"https?://[^/\s]+")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def _coerce(name: str, value: Any, source: str) -> Any:
    kind: Any = next(setting.type for setting in fields(Settings) if setting.name == name)
    try:
        if kind is bool and not isinstance(value, bool):
            word = str(value).lower()
            if word not in _TRUE | _FALSE:
                raise ValueError
            return word in _TRUE
        if kind is int:
            return int(value)
        if kind is Path:
            return Path(value).expanduser().absolute()
    except ValueError as error:
        raise SettingsError(f"{name} from {source} is {value!r}; it must be a {kind.__name__}.") from error
    return value


def _checked(settings: Settings) -> Settings:
    if not 0 <= settings.port <= 65535:
        raise SettingsError(f"port is {settings.port}; it must be between 0 and 65535.")
    if settings.public_url and not settings.public_url.startswith(("http://", "https://")):
        raise SettingsError(f"public_url is {settings.public_url!r}; it must start with http:// or https://.")
    for origin in settings.allowed_origins.split():
        if origin not in ("*", "none") and not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"allowed_origins has {origin!r}; a web site is named as https://wiki.example, without a path."
            )
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise SettingsError(f"log_level is {settings.log_level!r}; use debug, info, warning or error.")
    home = settings.home.expanduser().absolute()
    object.__setattr__(settings, "home", home)
    object.__setattr__(settings, "public_url", settings.public_url.rstrip("/"))
    return settings
