"""Substring search over names and cards: a trigram index in SQLite (FTS5) and in PostgreSQL (pg_trgm).

The index is derived from `repos` by triggers (SQLite) or by the database itself (PostgreSQL), so that no
service has to think of it. The first migration makes it.
"""

import sqlalchemy as sa

from wingman.hub.repos.tables import repos

_SHORTEST_INDEXED = 3
"""Trigrams cannot find shorter words; those are looked for by walking along the sort index."""


def contains_word(connection: sa.Connection, word: str, *, in_card: bool) -> sa.ColumnElement[bool]:
    """Repositories whose name (or, with `in_card`, card) contains `word`, in any case."""
    word = word.lower()
    if "\0" in word:  # no name and no card has one, and neither database takes it in a query
        return sa.false()
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
