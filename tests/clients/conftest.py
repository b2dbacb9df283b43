"""Public clients, as fixtures."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.environments import NEWEST, RELEASES, Client, installed_release
from tests.servers.hub import LiveHub

_numbers = itertools.count(1)


@pytest.fixture
def make_client(live_hub: LiveHub, tmp_path: Path) -> Callable[..., Client]:
    """`make_client(release, user="alice", url=None, **settings)`: each with an empty HF_HOME of its own."""

    def make(
        release: str = NEWEST, *, user: str = "alice", url: str | None = None, **settings: str
    ) -> Client:
        home = tmp_path / f"hf-home-{next(_numbers)}"
        return Client(installed_release(release), url or live_hub.url, live_hub.token(user), home, settings)

    return make


@pytest.fixture(params=RELEASES)
def client(request: pytest.FixtureRequest, make_client: Callable[..., Client]) -> Client:
    """Each supported release in turn, as alice."""
    return make_client(request.param)


@pytest.fixture
def libraries(live_hub: LiveHub, tmp_path: Path) -> Client:
    """The libraries on top of the client (transformers, datasets, `hf`), as installed beside the tests."""
    return Client(Path(sys.executable), live_hub.url, live_hub.token("alice"), tmp_path / "hf-home")


@pytest.fixture
def repo_id() -> str:
    """An id in alice's namespace that no other test uses."""
    return f"alice/repo-{next(_numbers)}"
