"""A Hub in this process, on a folder of the test's own: for services and routes without a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub, open_hub
from wingman.settings import load_settings


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    opened = open_hub(load_settings({"home": tmp_path / "home"}, environ={}))
    yield opened
    opened.close()


@pytest.fixture
def alice(hub: Hub) -> Caller:
    """A user who may write in her own namespace."""
    return Caller(user=hub.accounts.create_user("alice"))


@pytest.fixture
def bob(hub: Hub) -> Caller:
    """Another user, a stranger to alice."""
    return Caller(user=hub.accounts.create_user("bob"))
