"""The database schema: created on first start, migrated on later ones."""

import sqlalchemy as sa

from wingman.hub import storage
from wingman.hub.database import metadata

__all__ = ["bring_up_to_date"]

assert storage  # importing it registers every domain's tables on `metadata`


def bring_up_to_date(engine: sa.Engine) -> None:
    """Create what is missing."""
    metadata.create_all(engine)
