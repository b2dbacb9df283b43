"""Recording flights, and who may see what of them, on a Hub in this process."""

import json
from dataclasses import replace

import pytest

from wingman.hub.access.model import ANONYMOUS, Caller
from wingman.hub.accounts.model import TokenRole
from wingman.hub.app import Hub
from wingman.hub.errors import Forbidden, Invalid, TooLarge, Unauthorized
from wingman.hub.flights import service
from wingman.hub.flights.errors import FlightFileMissing, FlightIdTaken, FlightMissing
from wingman.hub.flights.events import parse_events
from wingman.hub.flights.model import EventKind, FlightEvent, FlightStatus, Memory
from wingman.hub.flights.service import FlightFacts, keep_events
from wingman.hub.repos.model import Repo, RepoKind

FACTS = FlightFacts(
    task="text-classification", data="reviews.csv", base="tiny", method="full", to="alice/mood"
)


def lines(*events: tuple[int, str, str | None, dict[str, object]]) -> list[FlightEvent]:
    """Events as (second, kind, step, facts)."""
    body = [
        json.dumps({"time": f"2026-01-31T09:00:{second:02}.000Z", "event": kind, "step": step, **facts})
        for second, kind, step, facts in events
    ]
    return parse_events("\n".join(body).encode())


BEGINNING = lines(
    (0, "flight_started", None, {"data": "reviews.csv"}),
    (1, "step_started", "train", {}),
    (2, "metric", "train", {"name": "loss", "value": 0.9, "at": 1}),
    (3, "metric", "train", {"name": "loss", "value": 0.7, "at": 2}),
    (4, "log", "train", {"message": "Going on."}),
)
END = lines((9, "flight_finished", None, {"result": {"repo": "alice/mood", "revision": "v1"}}))


@pytest.fixture
def mood(hub: Hub, alice: Caller) -> Repo:
    return hub.repos.create(alice, kind=RepoKind.MODEL, name="mood")


@pytest.fixture
def admin(hub: Hub) -> Caller:
    return Caller(user=hub.accounts.create_user("root", is_admin=True))


def test_a_flight_registers_and_reports(hub: Hub, alice: Caller):
    hub.flights.register(alice, "f-1", FACTS)
    hub.flights.record(alice, "f-1", BEGINNING)

    flight = hub.flights.find(alice, "f-1")
    assert (flight.status, flight.owner, flight.to) == (FlightStatus.RUNNING, "alice", "alice/mood")
    assert [step.name for step in flight.steps] == ["train"]
    assert [event.number for event in hub.flights.events(flight)] == [1, 2, 3, 4, 5]
    assert [(point.at, point.value) for point in hub.flights.metrics(flight)["loss"]] == [(1, 0.9), (2, 0.7)]


def test_events_sent_again_are_passed_over(hub: Hub, alice: Caller):
    """Whole or cut differently: a bundle whose answer was lost may come twice."""
    hub.flights.record(alice, "f-1", BEGINNING[:3])
    hub.flights.record(alice, "f-1", BEGINNING[1:])
    hub.flights.record(alice, "f-1", BEGINNING)

    flight = hub.flights.find(alice, "f-1")
    assert flight.num_events == 5
    assert [event.facts for event in hub.flights.events(flight)] == [event.facts for event in BEGINNING]


def test_events_and_files_may_be_quicker_than_the_registration(hub: Hub, alice: Caller):
    hub.flights.put_file(alice, "f-1", "recipe.yaml", b"task: x")
    hub.flights.record(alice, "f-1", BEGINNING)
    hub.flights.register(alice, "f-1", FACTS)

    flight = hub.flights.find(alice, "f-1")
    assert (flight.base, flight.num_events) == ("tiny", 5)


def test_a_step_measured_again_counts_as_measured_last(hub: Hub, alice: Caller):
    """A resumed training repeats the steps since its checkpoint."""
    again = lines((20, "metric", "train", {"name": "loss", "value": 0.5, "at": 2}))

    hub.flights.record(alice, "f-1", [*BEGINNING, *again])

    series = hub.flights.metrics(hub.flights.find(alice, "f-1"))["loss"]
    assert [(point.at, point.value) for point in series] == [(1, 0.9), (2, 0.5)]


def test_events_that_come_late_take_their_place_in_time(hub: Hub, alice: Caller):
    """The end arrived, the step before it did not: what the run's file has is told in the order of time."""
    started, finished = lines((5, "step_started", "card", {}), (6, "step_finished", "card", {"seconds": 1}))
    flight = hub.flights.record(alice, "f-1", [*BEGINNING, finished, *END])

    with hub.store.write() as tx:
        changed = keep_events(tx, alice, flight, [*BEGINNING, started, finished, *END], late=True)

    assert changed.status is FlightStatus.FINISHED
    assert [(step.name, step.finished_at is None) for step in changed.steps] == [
        ("train", True),
        ("card", False),
    ]
    assert changed.num_events == flight.num_events + 1


def test_behind_a_limit_only_what_changes_the_state_is_kept(
    hub: Hub, alice: Caller, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "MAX_EVENTS", 3)
    hub.flights.record(alice, "f-1", BEGINNING[:3])

    hub.flights.record(alice, "f-1", [*BEGINNING[3:], *END])

    flight = hub.flights.find(alice, "f-1")
    assert flight.status is FlightStatus.FINISHED
    assert [event.kind for event in hub.flights.events(flight)][3:] == [EventKind.FLIGHT_FINISHED]


def test_a_flight_under_way_is_its_owners_and_the_administrators(
    hub: Hub, alice: Caller, bob: Caller, admin: Caller
):
    hub.flights.record(alice, "f-1", BEGINNING)

    assert hub.flights.find(admin, "f-1").owner == "alice"
    assert [flight.id for flight in hub.flights.page(alice)] == ["f-1"]
    for stranger in (bob, ANONYMOUS):
        with pytest.raises(FlightMissing):
            hub.flights.find(stranger, "f-1")
        assert hub.flights.page(stranger) == []


def test_a_published_flight_is_seen_by_whoever_may_read_its_model(
    hub: Hub, alice: Caller, bob: Caller, mood: Repo
):
    hub.flights.record(alice, "f-1", [*BEGINNING, *END])

    assert hub.flights.find(bob, "f-1").repo_id == mood.id
    assert [flight.id for flight in hub.flights.page(ANONYMOUS)] == ["f-1"]
    assert [flight.id for flight in hub.flights.page(bob, repo=mood)] == ["f-1"]

    hub.repos.configure(alice, RepoKind.MODEL, "alice/mood", private=True)
    assert hub.flights.page(bob) == []
    with pytest.raises(FlightMissing):
        hub.flights.find(bob, "f-1")


def test_the_flight_of_a_gated_model_stays_behind_its_gate(hub: Hub, alice: Caller, bob: Caller, mood: Repo):
    """Its report and its plots are files of the model, too."""
    hub.flights.record(alice, "f-1", [*BEGINNING, *END])
    hub.repos.configure(alice, RepoKind.MODEL, "alice/mood", gated="manual")

    for stranger in (bob, ANONYMOUS):
        assert hub.flights.page(stranger) == []
        with pytest.raises(FlightMissing):
            hub.flights.find(stranger, "f-1")
    assert hub.flights.find(alice, "f-1").id == "f-1"

    hub.access_requests.grant(alice, mood, "bob")
    assert [flight.id for flight in hub.flights.page(bob)] == ["f-1"]
    assert hub.flights.find(bob, "f-1").id == "f-1"


def test_a_flight_outlives_its_model_for_its_owner_alone(hub: Hub, alice: Caller, bob: Caller, mood: Repo):
    hub.flights.record(alice, "f-1", [*BEGINNING, *END])

    hub.repos.delete(alice, RepoKind.MODEL, "alice/mood")

    assert hub.flights.find(alice, "f-1").repo_id is None
    assert hub.flights.page(bob) == []


def test_nobody_hangs_a_flight_on_anothers_model(hub: Hub, alice: Caller, bob: Caller, mood: Repo):
    hub.flights.record(bob, "f-2", [*BEGINNING, *END])

    assert hub.flights.find(bob, "f-2").repo_id is None
    assert hub.flights.page(alice, repo=mood) == []


def test_lines_of_the_data_stay_with_the_owner(hub: Hub, alice: Caller, bob: Caller, mood: Repo):
    hub.flights.record(alice, "f-1", [*BEGINNING, *END])
    for name in ("worst_rows.json", "report.json"):
        hub.flights.put_file(alice, "f-1", name, b"[]")

    flight = hub.flights.find(bob, "f-1")

    assert [file.name for file in hub.flights.files(bob, flight)] == ["report.json"]
    assert hub.flights.read_file(alice, flight, "worst_rows.json") == b"[]"
    with pytest.raises(FlightFileMissing):
        hub.flights.read_file(bob, flight, "worst_rows.json")


def test_an_id_belongs_to_whoever_came_first(hub: Hub, alice: Caller, bob: Caller):
    hub.flights.register(alice, "f-1", FACTS)

    with pytest.raises(FlightIdTaken):
        hub.flights.register(bob, "f-1", FACTS)
    with pytest.raises(FlightMissing):
        hub.flights.record(bob, "f-1", BEGINNING)
    with pytest.raises(FlightMissing):
        hub.flights.put_file(bob, "f-1", "report.json", b"{}")


def test_recording_needs_a_token_that_writes(hub: Hub, alice: Caller):
    assert alice.user is not None
    _, reading = hub.accounts.create_token(alice.user.id, name="r", role=TokenRole.READ)
    _, scoped = hub.accounts.create_token(
        alice.user.id, name="s", role=TokenRole.WRITE, repo_scope="models/alice/mood"
    )

    for caller, error in (
        (ANONYMOUS, Unauthorized),
        (replace(alice, token=reading), Forbidden),
        (replace(alice, token=scoped), Forbidden),
    ):
        with pytest.raises(error):
            hub.flights.register(caller, "f-1", FACTS)


def test_a_token_for_one_repository_sees_no_flights_of_its_owner(hub: Hub, alice: Caller):
    hub.flights.record(alice, "f-1", BEGINNING)
    assert alice.user is not None
    _, scoped = hub.accounts.create_token(
        alice.user.id, name="s", role=TokenRole.READ, repo_scope="models/alice/mood"
    )

    assert hub.flights.page(replace(alice, token=scoped)) == []


@pytest.mark.parametrize("flight_id", ["", "../x", "a/b", ".hidden", "a b", "plan", "x" * 97])
def test_an_id_is_a_plain_name(hub: Hub, alice: Caller, flight_id: str):
    with pytest.raises(Invalid):
        hub.flights.register(alice, flight_id, FACTS)


@pytest.mark.parametrize("name", ["report.html", "../report.json", "a/b.svg", "x.js", ".json"])
def test_files_are_of_a_few_kinds(hub: Hub, alice: Caller, name: str):
    with pytest.raises(Invalid):
        hub.flights.put_file(alice, "f-1", name, b"")


def test_files_are_small_and_few_and_replaced_by_name(
    hub: Hub, alice: Caller, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "MAX_FILES", 2)
    hub.flights.put_file(alice, "f-1", "a.json", b"1")
    hub.flights.put_file(alice, "f-1", "b.json", b"2")
    hub.flights.put_file(alice, "f-1", "a.json", b"3")

    flight = hub.flights.find(alice, "f-1")
    assert hub.flights.read_file(alice, flight, "a.json") == b"3"
    assert len(list(hub.blobs.keys(f"flights/{flight.number}/"))) == 2
    with pytest.raises(Invalid):
        hub.flights.put_file(alice, "f-1", "c.json", b"4")
    with pytest.raises(TooLarge):
        hub.flights.put_file(alice, "f-1", "a.json", b"x" * (service.MAX_FILE_BYTES + 1))


def test_pages_are_newest_first_and_none_is_lost(hub: Hub, alice: Caller, bob: Caller, mood: Repo):
    """Alice sees her own and what is published, each once."""
    for number in range(6):
        hub.flights.record(alice, f"f-{number}", [*BEGINNING, *(END if number % 2 else [])])
    hub.flights.record(bob, "bobs", BEGINNING)

    first = hub.flights.page(alice, limit=4)
    second = hub.flights.page(alice, limit=4, after=first[-1].number)

    assert [flight.id for flight in (*first, *second)] == ["f-5", "f-4", "f-3", "f-2", "f-1", "f-0"]
    assert [flight.id for flight in hub.flights.page(bob)] == ["bobs", "f-5", "f-3", "f-1"]
    assert [flight.id for flight in hub.flights.page(bob, owner="alice", limit=1)] == ["f-5"]
    finished = hub.flights.page(alice, statuses=(FlightStatus.FINISHED,))
    assert [flight.id for flight in finished] == ["f-5", "f-3", "f-1"]


def test_a_deleted_flight_leaves_nothing(hub: Hub, alice: Caller, bob: Caller, mood: Repo):
    hub.flights.record(alice, "f-1", [*BEGINNING, *END])
    hub.flights.put_file(alice, "f-1", "report.json", b"{}")
    with pytest.raises(Forbidden):
        hub.flights.delete(bob, "f-1")

    hub.flights.delete(alice, "f-1")

    with pytest.raises(FlightMissing):
        hub.flights.find(alice, "f-1")
    assert list(hub.blobs.keys("flights/")) == []


def test_two_flights_are_compared_by_their_files(hub: Hub, alice: Caller):
    recipe = b"task: t\ndata: {digest: d}\ntraining: {seed: 0}\n"
    for name, wrong in (("f-1", 3), ("f-2", 1)):
        confusion = {"rows": {"test": 10}, "confusion": [[10 - wrong, wrong], [0, 0]], "metrics": {}}
        worst = [{"place": f"row {number}"} for number in range(wrong)]
        hub.flights.put_file(alice, name, "report.json", json.dumps(confusion).encode())
        hub.flights.put_file(alice, name, "worst_rows.json", json.dumps(worst).encode())
        hub.flights.put_file(alice, name, "recipe.yaml", recipe)

    comparison = hub.flights.compare(alice, "f-1", "f-2")

    assert comparison.paired is not None
    assert (comparison.paired.only_first_right, comparison.paired.only_second_right) == (0, 2)


def test_a_flight_without_a_report_cannot_be_compared(hub: Hub, alice: Caller):
    hub.flights.put_file(alice, "f-1", "report.json", b"{}")
    hub.flights.put_file(alice, "f-2", "report.json", b"not json")

    with pytest.raises(FlightFileMissing):
        hub.flights.compare(alice, "f-1", "f-2")


def test_what_memory_a_flight_holds_is_kept(hub: Hub, alice: Caller):
    said = {"done": 1, "total": 9, "unit": "steps", "memory_bytes": 5_000_000}
    hub.flights.record(alice, "f-1", [*BEGINNING, *lines((5, "progress", "train", said))])

    assert hub.flights.find(alice, "f-1").memory == Memory(now_bytes=5_000_000, peak_bytes=5_000_000)
