"""Hubs in this process. The revisions of the schema run once, and every new Hub begins with a copy of the result:
running them takes longer than most of the tests that need one (`tests/hub/test_schema.py` tests them themselves).
"""

import tempfile
from functools import cache
from pathlib import Path

from wingman.hub.app import Hub, open_hub
from wingman.hub.database import open_engine
from wingman.hub.schema import bring_up_to_date
from wingman.settings import load_settings


def open_new_hub(home: Path) -> Hub:
    """A Hub with default settings whose state is under `home`; the caller closes it."""
    settings = load_settings({"home": home}, environ={})
    write_empty_database(settings.hub_folder / "hub.db")
    return open_hub(settings)


def write_empty_database(path: Path) -> None:
    """An SQLite database of the newest schema, with nothing in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_empty_database())


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.db"
        engine = open_engine(f"sqlite:///{path}")
        bring_up_to_date(engine)
        engine.dispose()
        return path.read_bytes()
