"""Chunked files read as plain bytes."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hub.xet.samples import file_of, pack
from tests.hub.xet.sending import make_repo, send_shard, send_xorb, writer
from wingman.hub.access.model import Caller
from wingman.hub.app import open_hub
from wingman.hub.errors import RangeNotSatisfiable
from wingman.hub.xet.contents import ChunkedContents, ChunksMissing
from wingman.hub.xet.hashes import to_text
from wingman.hub.xet.xorbs import Scheme
from wingman.settings import load_settings

RNG = random.Random(3)
XORBS = [
    [RNG.randbytes(RNG.randint(1, 90_000)) for _ in range(30)],
    [b"%d " % number * RNG.randint(1, 9_000) for number in range(30)],
]
RANGES = [(0, 3, 30), (1, 0, 20), (0, 0, 5), (1, 19, 20), (1, 20, 30)]
DATA = b"".join(chunk for xorb, first, end in RANGES for chunk in XORBS[xorb][first:end])


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A Hub with one file of five terms over two xorbs."""
    hub = open_hub(load_settings({"home": tmp_path_factory.mktemp("home")}, environ={}))
    alice = Caller(user=hub.accounts.create_user("alice"))
    grant = writer(hub, alice, make_repo(hub, alice))
    packed = [pack(XORBS[0]), pack(XORBS[1], Scheme.BG4_LZ4)]
    for xorb in packed:
        send_xorb(hub, grant, xorb)
    file = file_of([(packed[xorb], first, end) for xorb, first, end in RANGES])
    send_shard(hub, grant, [file])
    yield ChunkedContents(hub.store, hub.blobs), to_text(file.hash)
    hub.close()


def test_the_whole_file_comes_in_pieces_of_a_bounded_size(stored):
    contents, name = stored

    pieces = list(contents.stream(name))

    assert b"".join(pieces) == DATA
    assert max(map(len, pieces)) < 1 << 20


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(DATA) - 1), st.integers(1, len(DATA)))
def test_any_range_is_that_range_of_the_bytes(stored, start, length):
    contents, name = stored

    assert b"".join(contents.stream(name, start, start + length)) == DATA[start : start + length]


def test_a_range_that_begins_past_the_end_is_refused(stored):
    contents, name = stored

    with pytest.raises(RangeNotSatisfiable):
        contents.stream(name, len(DATA))


def test_a_file_that_is_not_here_is_said_to_be_missing_before_the_first_byte(stored):
    contents, _ = stored

    with pytest.raises(ChunksMissing):
        contents.stream("0" * 64)
