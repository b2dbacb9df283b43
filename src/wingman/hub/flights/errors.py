"""What can go wrong with flights.

HubError
├── FlightMissing      (NotFound)   there is no such flight, or this caller may not know of it
├── FlightFileMissing  (NotFound)
├── FlightIdTaken      (Conflict)   somebody else's flight has this id
├── WrongFlightState   (Conflict)   what is asked does not fit what the flight is doing
├── LabNotInstalled    (Conflict)   this Hub cannot fly by itself
├── FlightsSwitchedOff (Conflict)   this Hub is set not to fly by itself
├── PlanFailed         (Invalid)    the dry run says no; the message is its own
└── PlansBusy                       as many dry runs as are done at a time are under way
"""

from wingman.hub.errors import Conflict, HubError, Invalid, NotFound


class FlightMissing(NotFound):
    def __init__(self, flight_id: str) -> None:
        super().__init__(f"There is no flight {flight_id!r} that you may see.")
        self.flight_id = flight_id


class FlightFileMissing(NotFound):
    def __init__(self, flight_id: str, name: str) -> None:
        super().__init__(f"The flight {flight_id!r} has no file {name!r} that you may see.")
        self.flight_id, self.name = flight_id, name


class FlightIdTaken(Conflict):
    def __init__(self, flight_id: str) -> None:
        super().__init__(f"Another user's flight is called {flight_id!r}; choose another id.")
        self.flight_id = flight_id


class WrongFlightState(Conflict):
    """`str(error)` says what the flight is doing and what may be done."""


class LabNotInstalled(Conflict):
    def __init__(self, missing: str) -> None:
        super().__init__(
            f"This Hub cannot fly by itself: {missing} is not installed beside it. Whoever runs it can change that "
            "with: pip install 'wingman-hub[lab]'. Until then, run `wingman fly` where the lab is installed."
        )
        self.missing = missing


class FlightsSwitchedOff(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "This Hub starts no flights (max_flights is 0). Run `wingman fly` where the lab is installed."
        )


class PlanFailed(Invalid):
    """The dry run stopped: what it found, where, and what to do, in its own words."""


class PlansBusy(HubError):
    retry_after_s = 10

    def __init__(self) -> None:
        super().__init__("Other dry runs are under way on this Hub. Try again in a few seconds.")
