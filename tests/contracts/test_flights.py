"""What every store of flights must do. See `wingman.hub.flights.store`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from wingman.hub.access.model import Visibility
from wingman.hub.flights.errors import FlightIdTaken
from wingman.hub.flights.model import (
    EventKind,
    Flight,
    FlightEvent,
    FlightFile,
    FlightNumber,
    FlightOrder,
    FlightStatus,
    Progress,
    Step,
)
from wingman.hub.flights.store import FlightFilter, Supervision
from wingman.hub.storage import SqlStore, SqlTransaction

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
PUBLIC = Visibility(everything=False, namespace_ids=frozenset())


@pytest.fixture(autouse=True)
def ann(store: SqlStore) -> None:
    with store.write() as tx:
        tx.accounts.add_user(name="ann", full_name="Ann", email="", is_admin=False, created_at=NOW)


def add_flight(tx: SqlTransaction, flight_id: str = "f-1", **fields: object) -> Flight:
    given = {
        "number": FlightNumber(0),
        "id": flight_id,
        "owner_id": tx.accounts.namespace("ann").id,
        "owner": "ann",
        "created_at": NOW,
    }
    return tx.flights.add(Flight(**{**given, **fields}))  # type: ignore[arg-type]


def event(number: int, kind: EventKind = EventKind.LOG, **facts: object) -> FlightEvent:
    return FlightEvent(number, NOW, kind, "train", facts, bytes([number]) * 16)


def lease(until: datetime = NOW, **rest: object) -> Supervision:
    return Supervision(supervisor="host/1/a", lease_until=until, **rest)  # type: ignore[arg-type]


def test_a_flight_comes_back_as_it_went_in(store: SqlStore):
    flight_fields = {
        "to": "ann/mood",
        "status": FlightStatus.RUNNING,
        "steps": (Step("choose", NOW, NOW, 1.5, {"rows": {"train": 3}}, True), Step("train", NOW)),
        "progress": Progress(3, 9, "steps", NOW + timedelta(seconds=2), 1, NOW),
        "result": {"repo": None},
        "error": "no",
        "started_at": NOW,
        "order": FlightOrder(data="ann/data", columns={"text": "review"}, epochs=2.0),
    }
    with store.write() as tx:
        added = add_flight(tx, **flight_fields)

    with store.read() as tx:
        found = tx.flights.find("f-1")
        assert found == added == tx.flights.by_number(added.number)
    assert found is not None
    assert {name: getattr(found, name) for name in flight_fields} == flight_fields


def test_an_id_is_taken_once_and_the_transaction_goes_on(store: SqlStore):
    with store.write() as tx:
        add_flight(tx)
        with pytest.raises(FlightIdTaken):
            add_flight(tx)
        add_flight(tx, "f-2")

    with store.read() as tx:
        assert tx.flights.find("f-2") is not None


def test_every_update_has_the_next_version(store: SqlStore):
    with store.write() as tx:
        flight = add_flight(tx)
        changed = tx.flights.update(replace(flight, status=FlightStatus.FAILED, error="no", result=None))

    with store.read() as tx:
        assert tx.flights.versions([flight.number, FlightNumber(99)]) == {flight.number: flight.version + 1}
        assert tx.flights.find("f-1") == changed


def test_events_are_read_forwards_from_a_number_or_from_the_end(store: SqlStore):
    with store.write() as tx:
        number = add_flight(tx).number
        kinds = [EventKind.LOG, EventKind.METRIC, EventKind.LOG, EventKind.WARNING, EventKind.LOG]
        tx.flights.add_events(number, [event(place, kind, a=place) for place, kind in enumerate(kinds, 1)])

    with store.read() as tx:

        def numbers(**wanted) -> list[int]:
            return [found.number for found in tx.flights.events(number, **{"after": 0, "limit": 9, **wanted})]

        assert numbers(after=1, limit=2) == [2, 3]
        assert numbers(newest=True, limit=2) == [4, 5]
        assert numbers(kinds=(EventKind.LOG,)) == [1, 3, 5]
        assert tx.flights.events(number, after=1, limit=1) == [event(2, EventKind.METRIC, a=2)]


def test_known_events_are_told_among_many(store: SqlStore):
    with store.write() as tx:
        number, other = add_flight(tx).number, add_flight(tx, "f-2").number
        tx.flights.add_events(number, [event(1), event(2)])
        asked = [bytes([1]) * 16, bytes([9]) * 16, *(index.to_bytes(16, "big") for index in range(1200))]

        assert tx.flights.known_digests(number, asked) == {bytes([1]) * 16}
        assert tx.flights.known_digests(other, asked) == set()


def test_a_replaced_file_tells_its_old_key(store: SqlStore):
    with store.write() as tx:
        number = add_flight(tx).number
        assert tx.flights.put_file(number, FlightFile("b.svg", 1, "k1", NOW)) is None
        assert tx.flights.put_file(number, FlightFile("a.json", 2, "k2", NOW)) is None
        assert tx.flights.put_file(number, FlightFile("b.svg", 3, "k3", NOW)) == "k1"
        assert tx.flights.put_file(number, FlightFile("b.svg", 3, "k3", NOW)) is None

        assert [(file.name, file.key) for file in tx.flights.files(number)] == [
            ("a.json", "k2"),
            ("b.svg", "k3"),
        ]
        assert tx.flights.file(number, "c.json") is None


def test_a_deleted_flight_takes_its_events_and_files_along(store: SqlStore):
    with store.write() as tx:
        number = add_flight(tx).number
        tx.flights.add_events(number, [event(1)])
        tx.flights.put_file(number, FlightFile("b.svg", 1, "k1", NOW))
        tx.flights.delete(number)

        assert tx.flights.find("f-1") is None
        assert list(tx.flights.events(number, after=0, limit=9)) == []
        assert list(tx.flights.files(number)) == []


def test_a_queued_flight_is_claimed_once_and_the_longest_waiting_comes_first(store: SqlStore):
    with store.write() as tx:
        for name, minutes in (("late", 2), ("early", 1)):
            add_flight(tx, name, status=FlightStatus.QUEUED, queued_at=NOW + timedelta(minutes=minutes))
        add_flight(tx, "other")

    with store.write() as tx:
        assert [flight.id for flight in tx.flights.queued()] == ["early", "late"]
        first = tx.flights.queued()[0]
        assert tx.flights.claim(first.number, lease())
        assert not tx.flights.claim(first.number, lease())

    with store.read() as tx:
        claimed = tx.flights.find("early")
        assert claimed is not None
        assert (claimed.status, claimed.version) == (FlightStatus.RUNNING, first.version + 1)
        assert [flight.id for flight in tx.flights.queued()] == ["late"]


def test_a_wish_to_stop_survives_the_next_lease_and_ends_with_letting_go(store: SqlStore):
    with store.write() as tx:
        number = add_flight(tx, status=FlightStatus.QUEUED, queued_at=NOW).number
        assert not tx.flights.ask_to_stop(number)
        tx.flights.claim(number, lease())
        assert tx.flights.ask_to_stop(number)
        later = lease(NOW + timedelta(seconds=30), token_id=7, pid=123)
        tx.flights.supervise(number, later)

        [(flight, supervision)] = tx.flights.supervised()
        assert (flight.number, supervision) == (number, replace(later, stop_asked=True))
        tx.flights.let_go(number)
        assert (tx.flights.supervised(), tx.flights.supervision(number)) == ([], None)


def test_a_page_without_a_user_holds_what_is_published(store: SqlStore):
    with store.write() as tx:
        add_flight(tx)
        assert list(tx.flights.page(FlightFilter(visible_to=PUBLIC))) == []
        owner = tx.accounts.namespace("ann").id
        assert [flight.id for flight in tx.flights.page(FlightFilter(visible_to=PUBLIC, own=owner))] == [
            "f-1"
        ]
        assert [
            flight.id for flight in tx.flights.page(FlightFilter(visible_to=PUBLIC, everything=True))
        ] == ["f-1"]
