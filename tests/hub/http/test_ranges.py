"""Byte ranges against a slice of real bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingman.hub.errors import RangeNotSatisfiable
from wingman.hub.http.ranges import parse_range

DATA = bytes(range(100))


@given(st.integers(0, 150), st.one_of(st.none(), st.integers(0, 150)))
def test_a_range_is_the_slice_it_names(first: int, last: int | None):
    header = f"bytes={first}-{'' if last is None else last}"
    if last is not None and last < first:
        assert parse_range(header, 100) is None
    elif first >= 100:
        with pytest.raises(RangeNotSatisfiable):
            parse_range(header, 100)
    else:
        chosen = parse_range(header, 100)
        assert chosen is not None
        assert DATA[chosen.start : chosen.end] == DATA[first : None if last is None else last + 1]


@given(st.integers(1, 200))
def test_a_suffix_is_the_end_of_the_file(length: int):
    chosen = parse_range(f"bytes=-{length}", 100)
    assert chosen is not None
    assert DATA[chosen.start : chosen.end] == DATA[-length:]


@pytest.mark.parametrize("header", [None, "", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "items=0-1"])
def test_what_is_not_one_range_means_the_whole(header):
    assert parse_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])
def test_an_empty_file_is_always_sent_whole(header):
    assert parse_range(header, 0) is None
