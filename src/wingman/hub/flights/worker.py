"""The flights that the Hub flies itself: a queue, a bounded number of children, and an end for each of them.

Lives on the event loop of the app. Every app process takes flights from the one queue in the database; who flies one
holds a lease on it, so that a flight whose Hub is gone is found, ended, and marked stopped: it can be resumed.
"""

import asyncio
import importlib.util
import json
import logging
import os
import platform
import secrets
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from wingman.hub.access.model import Caller, Permission, may, may_create_in, refuse, require_user
from wingman.hub.accounts.model import NamespaceId, TokenRole
from wingman.hub.accounts.service import AccountService
from wingman.hub.accounts.store import AccountMissing
from wingman.hub.database import now
from wingman.hub.errors import Forbidden
from wingman.hub.flights.errors import (
    FlightsSwitchedOff,
    LabNotInstalled,
    PlanFailed,
    PlansBusy,
    WrongFlightState,
)
from wingman.hub.flights.events import parse_event
from wingman.hub.flights.model import EventKind, Flight, FlightEvent, FlightNumber, FlightOrder, FlightStatus
from wingman.hub.flights.orders import fly_arguments, new_flight_id
from wingman.hub.flights.process import Errand, FlightProcess, is_flying, send_to_group
from wingman.hub.flights.service import FlightService, keep_events, new_flight
from wingman.hub.flights.store import Supervision
from wingman.hub.repos.model import RepoKind
from wingman.hub.repos.service import RepoService
from wingman.hub.store import Store, Transaction

log = logging.getLogger("wingman.hub.flights")

NEEDED_MODULES = ("torch", "transformers", "datasets", "sklearn")
PLAN_TIMEOUT_S = 180.0
MAX_PLANS = 2
PLAN_TOKEN_LIFE = timedelta(minutes=10)
FLIGHT_TOKEN_LIFE = timedelta(days=7)
LEASE = timedelta(seconds=30)
IDLE_POLL_S = 10.0
FLYING_POLL_S = 1.0
_LAST_EVENTS_BYTES = 4 << 20


@dataclass(slots=True)
class _Flying:
    process: FlightProcess | None = None
    stopping: asyncio.Task[None] | None = None


class FlightWorker:
    """home: the folder with runs and caches, as the command line's --home. max_flights: at once; 0 starts none.

    on_change: told the number and version of every flight that changed.
    """

    def __init__(
        self,
        store: Store,
        accounts: AccountService,
        repos: RepoService,
        flights: FlightService,
        *,
        home: Path,
        max_flights: int,
        on_change: Callable[[FlightNumber, int], None] = lambda number, version: None,
    ) -> None:
        self._store, self._accounts, self._repos, self._flights = store, accounts, repos, flights
        self._home, self._max_flights, self._on_change = home, max_flights, on_change
        self._host = platform.node()
        # The process id alone could be an earlier process's: in a container it always is.
        self._identity = f"{self._host}/{os.getpid()}/{secrets.token_hex(4)}"
        self._flying: dict[FlightNumber, _Flying] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._loop_task: asyncio.Task[None] | None = None
        self._num_planning = 0
        self._is_closing = False

    def start(self) -> None:
        """Begin to take flights from the queue, and look after those whose Hub is gone."""
        self._event_loop = asyncio.get_running_loop()
        self._loop_task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End every child in order; its flight is stopped and can be resumed."""
        self._is_closing = True
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.wait([self._loop_task])
        for flying in self._flying.values():
            self._stop_child(flying)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def plan(self, caller: Caller, order: FlightOrder) -> dict[str, Any]:
        """The dry run: what the lab recognises, finds and estimates, as `wingman fly --dry-run --json` prints it.

        Raises `LabNotInstalled`, `FlightsSwitchedOff`, `PlansBusy`, `PlanFailed`, and what keeps the caller from
        the data, the base or the target.
        """
        self._check_able()
        if self._num_planning >= MAX_PLANS:
            raise PlansBusy
        self._num_planning += 1
        try:
            token_id, secret = await asyncio.to_thread(self._admit_plan, caller, order)
            try:
                return await self._dry_run(caller, order, secret)
            finally:
                await asyncio.to_thread(self._accounts.revoke_token, require_user(caller).id, token_id)
        finally:
            self._num_planning -= 1

    async def queue(self, caller: Caller, order: FlightOrder) -> Flight:
        """A new flight, which begins when its turn comes. Raises as `plan` does."""
        self._check_able()
        flight = await asyncio.to_thread(self._add, caller, order)
        self._changed(flight)
        return flight

    async def stop(self, caller: Caller, flight_id: str) -> Flight:
        """End a flight of the Hub's own; it may take a moment until it is `stopped`.

        Raises `FlightMissing`, `Unauthorized`, `Forbidden`, `WrongFlightState`.
        """
        flight = await asyncio.to_thread(self._ask_to_stop, caller, flight_id)
        flying = self._flying.get(flight.number)
        if flying is not None:
            self._stop_child(flying)
        self._changed(flight)
        return flight

    async def resume(self, caller: Caller, flight_id: str, *, endpoint: str) -> Flight:
        """Go on with a flight of the Hub's own that failed or was stopped: the same command again.

        endpoint: this Hub's address, which may have changed. Raises as `queue` and `stop` do.
        """
        self._check_able()
        flight = await asyncio.to_thread(self._requeue, caller, flight_id, endpoint)
        self._changed(flight)
        return flight

    async def delete(self, caller: Caller, flight_id: str) -> None:
        """Forget a flight, and remove its folder if it was flown here. Raises as `FlightService.delete` does."""
        flight = await asyncio.to_thread(self._flights.find_own, caller, flight_id)
        await asyncio.to_thread(self._flights.delete, caller, flight_id)
        if flight.is_started_here:
            await asyncio.to_thread(shutil.rmtree, self._run_folder(flight), ignore_errors=True)
        self._changed(flight)

    # --- what is asked of it ---

    def _check_able(self) -> None:
        """Looks without importing: the Hub itself stays light."""
        if self._max_flights == 0:
            raise FlightsSwitchedOff
        for module in NEEDED_MODULES:
            if importlib.util.find_spec(module) is None:
                raise LabNotInstalled(module)

    def _admit(self, caller: Caller, order: FlightOrder) -> None:
        """The caller may read the data and the base, and publish to the target. Raises what says no."""
        user = require_user(caller)
        for kind, name in ((RepoKind.DATASET, order.data), (RepoKind.MODEL, order.base)):
            if name is not None:
                self._repos.require_content(caller, self._repos.find(caller, kind, name))
        if not caller.may_write_at_all or caller.is_confined:
            raise refuse(caller, "start flights")
        with self._store.read() as tx:
            if order.to is not None and not _may_publish(tx, caller, order.to):
                raise Forbidden(f"You may not publish to {order.to}. Choose a name below {user.name}/.")

    def _admit_plan(self, caller: Caller, order: FlightOrder) -> tuple[int, str]:
        self._admit(caller, order)
        user = require_user(caller)
        return self._make_token(user.id, f"dry run on {order.data}", TokenRole.READ, PLAN_TOKEN_LIFE)

    def _make_token(
        self, user_id: NamespaceId, name: str, role: TokenRole, life: timedelta
    ) -> tuple[int, str]:
        secret, token = self._accounts.create_token(user_id, name=name, role=role, expires_at=now() + life)
        return token.id, secret

    async def _dry_run(self, caller: Caller, order: FlightOrder, secret: str) -> dict[str, Any]:
        arguments = ["--dry-run", "--json", "--home", str(self._home), *fly_arguments(order)]
        folder = self._scratch(f"plan-{secrets.token_hex(5)}")
        process = FlightProcess(self._errand(arguments, order, require_user(caller).id, secret, folder))
        await process.start()
        try:
            async with asyncio.timeout(PLAN_TIMEOUT_S):
                status = await process.ended()
        except TimeoutError as error:
            raise PlanFailed(
                f"The dry run took longer than {PLAN_TIMEOUT_S:.0f} seconds. Run `wingman fly {order.data} --dry-run` "
                "in a terminal to see what it does."
            ) from error
        finally:
            send_to_group(process.pid, signal.SIGKILL)
            await process.ended()
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if status != 0:
            raise PlanFailed(process.last_words() or f"The dry run ended with status {status}.")
        return json.loads(process.output.strip().splitlines()[-1])

    def _add(self, caller: Caller, order: FlightOrder) -> Flight:
        self._admit(caller, order)
        begun = replace(
            new_flight(new_flight_id(order), caller),
            task=order.task,
            data=order.data,
            base=order.base or "",
            method=order.method,
            to=order.to,
            host=self._host,
            status=FlightStatus.QUEUED,
            queued_at=now(),
            order=order,
        )
        with self._store.write() as tx:
            return tx.flights.add(begun)

    def _ask_to_stop(self, caller: Caller, flight_id: str) -> Flight:
        self._flights.find_own(caller, flight_id)
        with self._store.write() as tx:
            flight = tx.flights.lock(flight_id)
            assert flight is not None
            if not flight.is_started_here and not flight.status.has_ended:
                raise WrongFlightState(
                    f"The flight {flight_id!r} runs in a terminal on {flight.host}; stop it there with Ctrl-C."
                )
            if flight.status is FlightStatus.QUEUED:
                return tx.flights.update(
                    replace(flight, status=FlightStatus.STOPPED, finished_at=now(), error=None)
                )
            if flight.status.has_ended or not tx.flights.ask_to_stop(flight.number):
                raise WrongFlightState(f"The flight {flight_id!r} is {flight.status} already.")
            return flight

    def _requeue(self, caller: Caller, flight_id: str, endpoint: str) -> Flight:
        self._flights.find_own(caller, flight_id)
        with self._store.write() as tx:
            flight = tx.flights.lock(flight_id)
            assert flight is not None
            if flight.order is None:
                raise WrongFlightState(
                    f"The flight {flight_id!r} was started in a terminal on {flight.host}; "
                    "the same command there goes on."
                )
            if flight.may_resume and tx.flights.supervision(flight.number) is not None:
                raise WrongFlightState(
                    f"The flight {flight_id!r} is just ending. Try again in a few seconds."
                )
            if not flight.may_resume:
                raise WrongFlightState(
                    f"The flight {flight_id!r} is {flight.status}; only one that failed or was stopped can be resumed."
                )
            return tx.flights.update(
                replace(
                    flight,
                    status=FlightStatus.QUEUED,
                    queued_at=now(),
                    finished_at=None,
                    error=None,
                    order=replace(flight.order, endpoint=endpoint),
                )
            )

    # --- the loop ---

    def _changed(self, flight: Flight) -> None:
        self._on_change(flight.number, flight.version)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._look_after_supervised)
                await self._fill()
            except Exception:  # a worker's loop: tomorrow the database may answer again
                log.exception("the queue of flights could not be looked after")
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(FLYING_POLL_S if self._flying else IDLE_POLL_S):
                    await self._wake.wait()

    async def _fill(self) -> None:
        """Start as many flights as may fly, those first that have waited longest."""
        while len(self._flying) < self._max_flights and not self._is_closing:
            flight = await asyncio.to_thread(self._claim)
            if flight is None:
                return
            self._flying[flight.number] = flying = _Flying()
            task = asyncio.create_task(self._fly(flight, flying))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _claim(self) -> Flight | None:
        with self._store.write() as tx:
            for flight in tx.flights.queued():
                if tx.flights.claim(flight.number, self._lease()):
                    return tx.flights.by_number(flight.number)
        return None

    def _lease(self, token_id: int | None = None, pid: int | None = None) -> Supervision:
        return Supervision(supervisor=self._identity, lease_until=now() + LEASE, token_id=token_id, pid=pid)

    def _look_after_supervised(self) -> None:
        """Renew our leases, hear who is asked to stop, and end what nobody flies any more."""
        with self._store.read() as tx:
            supervised = tx.flights.supervised()
        for flight, supervision in supervised:
            if supervision.supervisor == self._identity:
                if flight.number in self._flying:
                    self._renew(flight, supervision)
            elif self._is_gone(supervision):
                self._end_orphan(flight, supervision)

    def _renew(self, flight: Flight, supervision: Supervision) -> None:
        flying = self._flying.get(flight.number)
        if flying is not None and supervision.stop_asked and self._event_loop is not None:
            self._event_loop.call_soon_threadsafe(self._stop_child, flying)
        if supervision.lease_until - now() < LEASE * 2 / 3:
            with self._store.write() as tx:
                tx.flights.supervise(flight.number, replace(supervision, lease_until=now() + LEASE))

    def _is_gone(self, supervision: Supervision) -> bool:
        """Its Hub process ended without letting go: known at once on this machine, elsewhere by the lease."""
        host, pid, _ = supervision.supervisor.rsplit("/", 2)
        if host == self._host and (int(pid) == os.getpid() or not psutil.pid_exists(int(pid))):
            return True
        return supervision.lease_until < now()

    def _end_orphan(self, flight: Flight, supervision: Supervision) -> None:
        log.warning("the Hub that flew %s is gone; the flight can be resumed", flight.id)
        host = supervision.supervisor.rsplit("/", 2)[0]
        if host == self._host and supervision.pid is not None and is_flying(supervision.pid, flight.id):
            send_to_group(supervision.pid, signal.SIGTERM)
        self._conclude(flight, FlightStatus.STOPPED, None, supervision.token_id)

    # --- one flight ---

    async def _fly(self, flight: Flight, flying: _Flying) -> None:
        status, error = FlightStatus.FAILED, None
        token_id = None
        try:
            token_id, secret = await asyncio.to_thread(self._flight_token, flight)
            flying.process = process = FlightProcess(self._flight_errand(flight, secret))
            await process.start()
            log.info("flying %s as process %d", flight.id, process.pid)
            await asyncio.to_thread(self._supervise, flight, token_id, process.pid)
            if self._is_closing:
                self._stop_child(flying)
            code = await process.ended()
            error = process.last_words() or f"The flight's process ended with status {code}."
            log.info("the process of %s ended with status %d", flight.id, code)
        except Exception as reason:  # the flight must not stay `running`, whatever went wrong
            log.exception("the flight %s could not be flown", flight.id)
            error = f"The Hub could not fly it ({type(reason).__name__}); its log has the details."
        finally:
            if flying.stopping is not None:
                status, error = FlightStatus.STOPPED, None
            await asyncio.shield(asyncio.to_thread(self._conclude, flight, status, error, token_id))
            del self._flying[flight.number]
            self._wake.set()

    def _flight_token(self, flight: Flight) -> tuple[int, str]:
        return self._make_token(flight.owner_id, f"flight {flight.id}", TokenRole.WRITE, FLIGHT_TOKEN_LIFE)

    def _supervise(self, flight: Flight, token_id: int, pid: int) -> None:
        with self._store.write() as tx:
            tx.flights.supervise(flight.number, self._lease(token_id, pid))

    def _flight_errand(self, flight: Flight, secret: str) -> Errand:
        assert flight.order is not None
        arguments = ["--run-id", flight.id, "--json", "--home", str(self._home), *fly_arguments(flight.order)]
        return self._errand(arguments, flight.order, flight.owner_id, secret, self._scratch(flight.id))

    def _errand(
        self, arguments: Sequence[str], order: FlightOrder, owner_id: int, secret: str, folder: Path
    ) -> Errand:
        cache = self._home / "cache" / "flights" / str(owner_id)
        return Errand(arguments=arguments, endpoint=order.endpoint, token=secret, cache=cache, folder=folder)

    def _scratch(self, name: str) -> Path:
        return self._home / "cache" / "flights" / "scratch" / name

    def _run_folder(self, flight: Flight) -> Path:
        return self._home / "runs" / flight.id

    def _stop_child(self, flying: _Flying) -> None:
        """Once; on the event loop."""
        if flying.process is not None and flying.stopping is None:
            flying.stopping = asyncio.create_task(flying.process.stop())

    def _conclude(
        self, flight: Flight, status: FlightStatus, error: str | None, token_id: int | None
    ) -> None:
        """The attempt is over: keep what was not posted, say how it ended unless it said so, take its token away."""
        events = _events_written(self._run_folder(flight) / "events.jsonl")
        with self._store.write() as tx:
            owner = Caller(tx.accounts.user(flight.owner_id), tuple(tx.accounts.memberships(flight.owner_id)))
            current = tx.flights.lock(flight.id)
            if current is not None:
                current = keep_events(tx, owner, current, events, late=True)
                is_over = current.status is FlightStatus.FINISHED or (
                    current.status.has_ended and status is not FlightStatus.STOPPED
                )
                if not is_over:
                    current = tx.flights.update(
                        replace(current, status=status, error=error, finished_at=now(), progress=None)
                    )
                tx.flights.let_go(flight.number)
        if token_id is not None:
            self._accounts.revoke_token(flight.owner_id, token_id)
        shutil.rmtree(self._scratch(flight.id), ignore_errors=True)
        if current is not None:
            self._on_change(current.number, current.version)


def _may_publish(tx: Transaction, caller: Caller, full_name: str) -> bool:
    repo = tx.repos.find(RepoKind.MODEL, full_name)
    if repo is not None:
        return may(caller, Permission.REPO_CONTENT_WRITE, repo)
    try:
        owner = tx.accounts.namespace(full_name.partition("/")[0])
    except AccountMissing:
        return False
    return may_create_in(caller, owner.id)


def _events_written(path: Path) -> list[FlightEvent]:
    """The last events in a run's own file, without the progress, which is over."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LAST_EVENTS_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    events = []
    for line in lines:
        with suppress(ValueError):  # the first one may be cut
            event = parse_event(line)
            if event is not None and event.kind is not EventKind.PROGRESS:
                events.append(event)
    return events


