"""The Hub's secrets in SQL."""

import sqlalchemy as sa

from wingman.hub.database import insert_ignoring_known, metadata

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)


class SqlSecrets:
    """See `Secrets`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> bytes | None:
        query = sa.select(secrets.c.value).where(secrets.c.name == name)
        return self._connection.execute(query).scalar_one_or_none()

    def add(self, name: str, value: bytes) -> bytes:
        insert_ignoring_known(self._connection, secrets, [{"name": name, "value": value}])
        kept = self.get(name)
        assert kept is not None
        return kept
