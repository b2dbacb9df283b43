"""Every Hub begins at a large-file epoch of its own, so that no client takes it for an earlier one at its address."""

import secrets
import time

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FIRST, _END = 1_000_000, 500_000_000
"""Below are the epochs that were counted from 1; above is room to go on within the nine digits of an address."""

_epochs = sa.table("xet_epochs", sa.column("epoch", sa.BigInteger), sa.column("started_at", sa.BigInteger))


def upgrade() -> None:
    epoch = _FIRST + secrets.randbelow(_END - _FIRST)
    op.bulk_insert(_epochs, [{"epoch": epoch, "started_at": int(time.time() * 1000)}])


def downgrade() -> None:
    """The epoch stays: clients may remember its address, and it must keep working."""
