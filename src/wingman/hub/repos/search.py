"""Substring search over names and cards: a trigram index in SQLite (FTS5) and in PostgreSQL (pg_trgm).

The index is derived from `repos` by triggers (SQLite) or by the database itself (PostgreSQL), so that no
service has to think of it, and it can be rebuilt at any time.
"""

import sqlalchemy as sa

from wingman.hub.repos.tables import repos

_SHORTEST_INDEXED = 3
"""Trigrams cannot find shorter words; those are looked for by walking along the sort index."""

_SQLITE = (
    """CREATE VIRTUAL TABLE IF NOT EXISTS repo_search USING fts5(
        key, about, content='repos', content_rowid='id', tokenize='trigram')""",
    """CREATE TRIGGER IF NOT EXISTS repo_search_add AFTER INSERT ON repos BEGIN
        INSERT INTO repo_search(rowid, key, about) VALUES (new.id, new.key, new.about); END""",
    """CREATE TRIGGER IF NOT EXISTS repo_search_remove AFTER DELETE ON repos BEGIN
        INSERT INTO repo_search(repo_search, rowid, key, about) VALUES ('delete', old.id, old.key, old.about); END""",
    """CREATE TRIGGER IF NOT EXISTS repo_search_change AFTER UPDATE OF key, about ON repos
        WHEN old.key IS NOT new.key OR old.about IS NOT new.about BEGIN
        INSERT INTO repo_search(repo_search, rowid, key, about) VALUES ('delete', old.id, old.key, old.about);
        INSERT INTO repo_search(rowid, key, about) VALUES (new.id, new.key, new.about); END""",
)
_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX IF NOT EXISTS ix_repos_key_trgm ON repos USING gin (key gin_trgm_ops)",
    "CREATE INDEX IF NOT EXISTS ix_repos_about_trgm ON repos USING gin (lower(about) gin_trgm_ops)",
)

for _dialect, _statements in (("sqlite", _SQLITE), ("postgresql", _POSTGRESQL)):
    for _statement in _statements:
        sa.event.listen(repos, "after_create", sa.DDL(_statement).execute_if(dialect=_dialect))


def contains_word(connection: sa.Connection, word: str, *, in_card: bool) -> sa.ColumnElement[bool]:
    """Repositories whose name (or, with `in_card`, card) contains `word`, in any case."""
    word = word.lower()
    in_name = repos.c.key.contains(word, autoescape=True)
    in_about = sa.func.lower(repos.c.about).contains(word, autoescape=True)
    if connection.dialect.name != "sqlite" or len(word) < _SHORTEST_INDEXED:
        return sa.or_(in_name, in_about) if in_card else in_name
    phrase = '"' + word.replace('"', '""') + '"'
    found: sa.Select = (
        sa.select(sa.literal_column("rowid"))
        .select_from(sa.table("repo_search"))
        .where(sa.literal_column("repo_search").op("MATCH")(phrase if in_card else f"key : {phrase}"))
    )
    return repos.c.id.in_(found)
