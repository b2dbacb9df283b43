"""Remembering who a token belongs to, for a second and no longer."""

import pytest

from wingman.hub.access.model import ANONYMOUS, Caller
from wingman.hub.accounts.service import InvalidToken
from wingman.hub.inference.callers import MAX_REMEMBERED, REMEMBERED_S, RecentCallers


class Lookups:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Caller:
        self.count += 1
        return ANONYMOUS


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_looked_up_once_a_second() -> None:
    clock, lookups = Clock(), Lookups()
    recent = RecentCallers(clock)

    for _ in range(5):
        recent.find("Bearer one", lookups)
    assert lookups.count == 1

    clock.now += REMEMBERED_S
    recent.find("Bearer one", lookups)
    assert lookups.count == 2


def test_every_token_is_its_own() -> None:
    lookups = Lookups()
    recent = RecentCallers(Clock())

    recent.find("Bearer one", lookups)
    recent.find("Bearer two", lookups)

    assert lookups.count == 2


def test_a_refusal_is_not_remembered() -> None:
    def refuse() -> Caller:
        raise InvalidToken

    recent = RecentCallers(Clock())

    with pytest.raises(InvalidToken):
        recent.find("Bearer new", refuse)
    assert recent.find("Bearer new", Lookups()) is ANONYMOUS


def test_memory_is_bounded() -> None:
    lookups = Lookups()
    recent = RecentCallers(Clock())

    for number in range(3 * MAX_REMEMBERED):
        recent.find(f"Bearer {number}", lookups)

    assert len(recent._known) <= MAX_REMEMBERED
