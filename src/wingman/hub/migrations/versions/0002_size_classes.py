"""Lists are narrowed to by size: every repository is entered under its class."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """INSERT INTO repo_tags (kind, tag, repo_id) SELECT kind, CASE
        WHEN used_bytes < 10000000 THEN 'bytes:under 10 MB'
        WHEN used_bytes < 100000000 THEN 'bytes:10 MB to 100 MB'
        WHEN used_bytes < 1000000000 THEN 'bytes:100 MB to 1 GB'
        WHEN used_bytes < 10000000000 THEN 'bytes:1 GB to 10 GB'
        ELSE 'bytes:over 10 GB' END, id FROM repos"""
    )


def downgrade() -> None:
    op.execute("DELETE FROM repo_tags WHERE tag LIKE 'bytes:%'")
