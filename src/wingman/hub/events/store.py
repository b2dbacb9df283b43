"""The contract for the event log: written in the same transaction as the change it tells of."""

from collections.abc import Sequence
from typing import Protocol

from wingman.hub.events.model import Event


class Events(Protocol):
    def add(self, event: Event) -> None: ...

    def after(self, number: int, *, limit: int) -> Sequence[tuple[int, Event]]:
        """Numbered events that came after `number`, oldest first."""
