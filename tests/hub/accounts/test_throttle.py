"""Guessing passwords: slow for the guesser, and for nobody else."""

import pytest
from starlette.testclient import TestClient

from wingman.hub.accounts.service import AccountService, WrongCredentials
from wingman.hub.accounts.throttle import FREE_TRIES, LONGEST_WAIT_S, Throttle, TooManyTries
from wingman.hub.app import Hub, create_app


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(hub: Hub, clock: Clock) -> AccountService:
    service = AccountService(hub.store, throttle=Throttle(clock))
    service.create_user("ann", password="correct horse")
    return service


def guess(accounts: AccountService, times: int, name: str = "ann", origin: str = "thief") -> None:
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            accounts.sign_in(name, "guess", origin=origin)


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_after_some_wrong_passwords_one_has_to_wait(accounts: AccountService, clock: Clock, name: str):
    guess(accounts, FREE_TRIES, name)

    with pytest.raises(TooManyTries) as refused:
        accounts.sign_in(name.upper(), "correct horse", origin="thief")
    clock.now += refused.value.retry_after_s
    guess(accounts, 1, name)
    with pytest.raises(TooManyTries):
        accounts.sign_in(name, "guess", origin="thief")


def test_the_right_password_begins_anew_and_others_never_wait(accounts: AccountService, clock: Clock):
    guess(accounts, FREE_TRIES)
    assert accounts.sign_in("ann", "correct horse", origin="home")
    clock.now += LONGEST_WAIT_S

    assert accounts.sign_in("ann", "correct horse", origin="thief")
    guess(accounts, FREE_TRIES)


def test_the_page_says_how_long(hub: Hub):
    client = TestClient(create_app(hub))
    answers = [client.post("/login", data={"name": "ann", "password": "x"}) for _ in range(FREE_TRIES + 1)]

    assert [answer.status_code for answer in answers] == [401] * FREE_TRIES + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert "Try again in" in answers[-1].text
