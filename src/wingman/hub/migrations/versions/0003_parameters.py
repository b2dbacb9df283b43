"""Lists are narrowed to by parameters: every model waits to be counted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_WAITING = sa.text("uncounted_head IS NOT NULL")


def upgrade() -> None:
    op.add_column("repos", sa.Column("parameters", sa.BigInteger(), nullable=True))
    op.add_column("repos", sa.Column("uncounted_head", sa.String(40), nullable=True))
    op.create_index("ix_repos_parameters", "repos", ["kind", "parameters"])
    op.create_index("ix_repos_uncounted", "repos", ["id"], sqlite_where=_WAITING, postgresql_where=_WAITING)
    op.execute("UPDATE repos SET uncounted_head = head WHERE kind = 'model'")


def downgrade() -> None:
    op.drop_index("ix_repos_uncounted", "repos")
    op.drop_index("ix_repos_parameters", "repos")
    op.drop_column("repos", "uncounted_head")
    op.drop_column("repos", "parameters")
