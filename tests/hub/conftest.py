"""A Hub in this process, on a folder of the test's own: for services and routes without a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.new_hubs import open_new_hub
from wingman.hub.access.model import Caller
from wingman.hub.app import Hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    opened = open_new_hub(tmp_path / "home")
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
