"""The tables of repositories and their lists."""

import sqlalchemy as sa

from wingman.hub.database import BigId, UtcTime, metadata

repos = sa.Table(
    "repos",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("namespace_id", BigId, sa.ForeignKey("namespaces.id"), nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("pool_id", BigId, nullable=False),
    sa.Column("private", sa.Boolean, nullable=False),
    sa.Column("gated", sa.String, nullable=False, server_default=""),
    sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("discussions_disabled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("head", sa.String(40)),
    sa.Column("likes", sa.Integer, nullable=False, server_default="0"),
    sa.Column("downloads", sa.Integer, nullable=False, server_default="0"),
    sa.Column("downloads_all_time", sa.Integer, nullable=False, server_default="0"),
    sa.Column("trending", sa.Float, nullable=False, server_default="0"),
    sa.Column("card", sa.JSON, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("pipeline_tag", sa.String),
    sa.Column("library_name", sa.String),
    sa.Column("sdk", sa.String),
    sa.Column("used_bytes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("about", sa.Text, nullable=False, server_default=""),
    # Of a model's head: counted some time after `main` has moved; until then the head waits in `uncounted_head`.
    sa.Column("parameters", sa.BigInteger),
    sa.Column("uncounted_head", sa.String(40)),
    sa.UniqueConstraint("kind", "key"),
    sa.Index("ix_repos_trending", "kind", "trending", "id"),
    sa.Index("ix_repos_updated", "kind", "updated_at", "id"),
    sa.Index("ix_repos_created", "kind", "created_at", "id"),
    sa.Index("ix_repos_downloads", "kind", "downloads", "id"),
    sa.Index("ix_repos_likes", "kind", "likes", "id"),
    sa.Index("ix_repos_namespace", "namespace_id", "kind"),
    sa.Index("ix_repos_parameters", "kind", "parameters"),
    # An id names the pool of git objects: one that was used must never come back for another repository.
    sqlite_autoincrement=True,
)
sa.Index(
    "ix_repos_uncounted",
    repos.c.id,
    sqlite_where=repos.c.uncounted_head.is_not(None),
    postgresql_where=repos.c.uncounted_head.is_not(None),
)
repo_aliases = sa.Table(
    "repo_aliases",
    metadata,
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), nullable=False, index=True),
)
repo_tags = sa.Table(
    "repo_tags",
    metadata,
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("tag", sa.String, primary_key=True),
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True, index=True),
)
