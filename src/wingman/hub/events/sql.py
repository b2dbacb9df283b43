"""The event log in SQL."""

from collections.abc import Sequence

import sqlalchemy as sa

from wingman.hub.database import BigId, UtcTime, metadata
from wingman.hub.events.model import Event

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("repo_id", BigId, index=True),
    sa.Column("user_id", BigId),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
)


class SqlEvents:
    """See `Events`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, event: Event) -> None:
        self._connection.execute(
            sa.insert(events).values(
                name=event.name, repo_id=event.repo_id, user_id=event.user_id, at=event.at, facts=event.facts
            )
        )

    def after(self, number: int, *, limit: int) -> Sequence[tuple[int, Event]]:
        query = sa.select(events).where(events.c.id > number).order_by(events.c.id).limit(limit)
        return [
            (
                row.id,
                Event(name=row.name, repo_id=row.repo_id, user_id=row.user_id, at=row.at, facts=row.facts),
            )
            for row in self._connection.execute(query)
        ]
