"""Repositories in SQL: keyset-indexed sorts, tags in a table of their own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wingman.hub.access.model import Visibility
from wingman.hub.accounts.model import NamespaceId
from wingman.hub.accounts.sql import namespaces
from wingman.hub.database import insert_ignoring_known, now
from wingman.hub.repos.model import MoveTargetExists, PoolId, Repo, RepoExists, RepoFacts, RepoId, RepoKind
from wingman.hub.repos.search import contains_word
from wingman.hub.repos.store import RepoFilter
from wingman.hub.repos.tables import repo_aliases, repo_tags, repos
from wingman.hub.repos.trending import DOWNLOAD_WEIGHT, growth

_RARE = 500
"""A tag on fewer repositories than this is cheaper to start from than to check for."""

_SIZE_PREFIX = "bytes:"

_SORT_COLUMNS: dict[str, sa.Column] = {
    "trendingScore": repos.c.trending,
    "lastModified": repos.c.updated_at,
    "createdAt": repos.c.created_at,
    "downloads": repos.c.downloads,
    "likes": repos.c.likes,
}
SELECT_REPOS = sa.select(repos, namespaces.c.name.label("namespace")).join(
    namespaces, namespaces.c.id == repos.c.namespace_id
)


def to_repo(row: Any) -> Repo:
    """A row of the select above as a value."""
    return Repo(
        id=RepoId(row.id),
        kind=RepoKind(row.kind),
        namespace_id=NamespaceId(row.namespace_id),
        namespace=row.namespace,
        name=row.name,
        pool_id=PoolId(row.pool_id),
        private=row.private,
        gated=row.gated or None,
        disabled=row.disabled,
        discussions_disabled=row.discussions_disabled,
        created_at=row.created_at,
        updated_at=row.updated_at,
        head=row.head,
        likes=row.likes,
        downloads=row.downloads,
        downloads_all_time=row.downloads_all_time,
        trending=row.trending,
        facts=RepoFacts(
            card=row.card,
            tags=tuple(row.tags),
            pipeline_tag=row.pipeline_tag,
            library_name=row.library_name,
            sdk=row.sdk,
            used_bytes=row.used_bytes,
            about=row.about,
        ),
    )


def is_visible(visible_to: Visibility) -> sa.ColumnElement[bool]:
    """`Visibility` as a condition on `repos`."""
    if visible_to.everything:
        return sa.true()
    if not visible_to.namespace_ids:
        return ~repos.c.private
    return sa.or_(~repos.c.private, repos.c.namespace_id.in_(visible_to.namespace_ids))


class SqlRepos:
    """See `Repos`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(
        self,
        *,
        kind: RepoKind,
        namespace_id: NamespaceId,
        name: str,
        private: bool,
        created_at: datetime,
        pool_id: PoolId | None = None,
    ) -> Repo:
        namespace = self._namespace(namespace_id)
        key = f"{namespace}/{name}".lower()
        try:
            with self._connection.begin_nested():
                result = self._connection.execute(
                    sa.insert(repos).values(
                        kind=kind.value,
                        namespace_id=namespace_id,
                        name=name,
                        key=key,
                        pool_id=0,
                        private=private,
                        created_at=created_at,
                        updated_at=created_at,
                        card={},
                        tags=[],
                    )
                )
        except sa.exc.IntegrityError as error:
            known = self.find(kind, key)
            raise RepoExists(kind, known.full_name if known else f"{namespace}/{name}") from error
        (repo_id,) = result.inserted_primary_key or (0,)
        self._connection.execute(
            sa.update(repos).where(repos.c.id == repo_id).values(pool_id=pool_id or repo_id)
        )
        # A name that once led elsewhere now means the new repository.
        self._forget_alias(kind, key)
        repo = self.by_id(RepoId(repo_id))
        assert repo is not None
        return repo

    def find(self, kind: RepoKind, full_name: str) -> Repo | None:
        key = full_name.lower()
        row = self._connection.execute(
            SELECT_REPOS.where(repos.c.kind == kind.value, repos.c.key == key)
        ).first()
        if row is None:
            alias = sa.select(repo_aliases.c.repo_id).where(
                repo_aliases.c.kind == kind.value, repo_aliases.c.key == key
            )
            row = self._connection.execute(SELECT_REPOS.where(repos.c.id.in_(alias))).first()
        return None if row is None else to_repo(row)

    def by_id(self, repo_id: RepoId) -> Repo | None:
        row = self._connection.execute(SELECT_REPOS.where(repos.c.id == repo_id)).first()
        return None if row is None else to_repo(row)

    def lock(self, repo_id: RepoId) -> None:
        self._connection.execute(sa.select(repos.c.id).where(repos.c.id == repo_id).with_for_update())

    def page(self, wanted: RepoFilter) -> Sequence[Repo]:
        column = _SORT_COLUMNS[wanted.sort]
        query = SELECT_REPOS.where(*self._conditions(wanted))
        if wanted.after is not None:
            value, repo_id = wanted.after
            edge = sa.tuple_(sa.type_coerce(column, sa.Float), repos.c.id)
            last = sa.tuple_(sa.literal(value, sa.Float), sa.literal(repo_id))
            query = query.where(edge > last if wanted.ascending else edge < last)
        order = (column.asc(), repos.c.id.asc()) if wanted.ascending else (column.desc(), repos.c.id.desc())
        rows = self._connection.execute(query.order_by(*order).limit(wanted.limit))
        return [to_repo(row) for row in rows]

    def owners(self, wanted: RepoFilter, *, limit: int) -> Mapping[str, int]:
        number = sa.func.count().label("number")
        counted = (
            sa.select(repos.c.namespace_id, number)
            .where(*self._conditions(wanted))
            .group_by(repos.c.namespace_id)
            .order_by(number.desc(), repos.c.namespace_id)
            .limit(limit)
            .subquery()
        )
        query = (
            sa.select(namespaces.c.name, counted.c.number)
            .join(counted, counted.c.namespace_id == namespaces.c.id)
            .order_by(counted.c.number.desc(), namespaces.c.name)
        )
        return {row.name: row.number for row in self._connection.execute(query)}

    def holdings(self, namespace_id: NamespaceId, *, after: RepoId | None, limit: int) -> Sequence[Repo]:
        query = SELECT_REPOS.where(repos.c.namespace_id == namespace_id)
        if after is not None:
            query = query.where(repos.c.id < after)
        rows = self._connection.execute(query.order_by(repos.c.id.desc()).limit(limit))
        return [to_repo(row) for row in rows]

    def stored_bytes(self, namespace_id: NamespaceId) -> int:
        query = sa.select(sa.func.sum(repos.c.used_bytes)).where(repos.c.namespace_id == namespace_id)
        return int(self._connection.execute(query).scalar_one() or 0)

    def num_matching(self, wanted: RepoFilter) -> int:
        query = sa.select(sa.func.count()).select_from(repos).where(*self._conditions(wanted))
        return self._connection.execute(query).scalar_one()

    def facets(
        self, wanted: RepoFilter, prefixes: Sequence[str], *, limit: int
    ) -> Mapping[str, Mapping[str, int]]:
        matching = sa.select(repos.c.id).where(*self._conditions(wanted))
        groups: dict[str, Mapping[str, int]] = {}
        for prefix in prefixes:
            # Bounds instead of LIKE: they use the primary key in every dialect and collation.
            inside = (
                (repo_tags.c.tag >= prefix) & (repo_tags.c.tag < prefix + "\uffff")
                if prefix
                else ~repo_tags.c.tag.contains(":")
            )
            number = sa.func.count().label("number")
            query = (
                sa.select(repo_tags.c.tag, number)
                .where(repo_tags.c.kind == wanted.kind.value, inside, repo_tags.c.repo_id.in_(matching))
                .group_by(repo_tags.c.tag)
                .order_by(number.desc(), repo_tags.c.tag)
                .limit(limit)
            )
            groups[prefix] = {row.tag: row.number for row in self._connection.execute(query)}
        return groups

    def _conditions(self, wanted: RepoFilter) -> list[sa.ColumnElement[bool]]:
        conditions = [is_visible(wanted.visible_to)]
        rare, frequent = self._by_frequency(wanted)
        if rare is None:
            conditions.append(repos.c.kind == wanted.kind.value)
        else:
            # Their ids say their kind too. Asked for it besides, SQLite would walk along the index of all that kind.
            conditions.append(repos.c.id.in_(rare))
        conditions += [
            sa.exists().where(
                repo_tags.c.kind == wanted.kind.value,
                repo_tags.c.tag == tag,
                repo_tags.c.repo_id == repos.c.id,
            )
            for tag in frequent
        ]
        if wanted.namespace is not None:
            owner = sa.select(namespaces.c.id).where(namespaces.c.key == wanted.namespace.lower())
            conditions.append(repos.c.namespace_id == owner.scalar_subquery())
        conditions += [contains_word(self._connection, word, in_card=False) for word in wanted.search]
        conditions += [contains_word(self._connection, word, in_card=True) for word in wanted.text]
        if wanted.gated is not None:
            conditions.append(repos.c.gated != "" if wanted.gated else repos.c.gated == "")
        if wanted.parameters is not None:
            low, high = wanted.parameters
            conditions.append(repos.c.parameters >= (low or 0))
            if high is not None:
                conditions.append(repos.c.parameters <= high)
        if wanted.is_linked:
            uses = sa.or_(*(repo_tags.c.tag.startswith(prefix) for prefix in ("model:", "dataset:")))
            conditions.append(sa.exists().where(repo_tags.c.repo_id == repos.c.id, uses))
        return conditions

    def _by_frequency(self, wanted: RepoFilter) -> tuple[list[RepoId] | None, list[str]]:
        """The repositories that carry all of the rare tags (None where no tag is rare), and the frequent tags.

        Rare ones are looked up first, frequent ones are checked along the sorted walk. SQLite keeps no statistics
        on how often a value occurs, so we look (at most `_RARE` entries far).
        """
        found: set[RepoId] | None = None
        frequent = []
        for tag in wanted.tags:
            here = (repo_tags.c.kind == wanted.kind.value) & (repo_tags.c.tag == tag)
            few = sa.select(repo_tags.c.repo_id).where(here).limit(_RARE)
            ids = {RepoId(number) for number in self._connection.execute(few).scalars()}
            if len(ids) < _RARE:
                found = ids if found is None else found & ids
            else:
                frequent.append(tag)
        return None if found is None else sorted(found), frequent

    def count(self, namespace_id: NamespaceId, kind: RepoKind, visible_to: Visibility) -> int:
        query = (
            sa.select(sa.func.count())
            .select_from(repos)
            .where(repos.c.namespace_id == namespace_id, repos.c.kind == kind.value, is_visible(visible_to))
        )
        return self._connection.execute(query).scalar_one()

    def set_head(self, repo_id: RepoId, *, head: str | None, facts: RepoFacts, updated_at: datetime) -> None:
        kind = self._connection.execute(sa.select(repos.c.kind).where(repos.c.id == repo_id)).scalar_one()
        self._update(
            repo_id,
            head=head,
            uncounted_head=head if kind == RepoKind.MODEL.value else None,
            card=dict(facts.card),
            tags=list(facts.tags),
            pipeline_tag=facts.pipeline_tag,
            library_name=facts.library_name,
            sdk=facts.sdk,
            used_bytes=facts.used_bytes,
            about=facts.about,
            updated_at=updated_at,
        )
        self._connection.execute(sa.delete(repo_tags).where(repo_tags.c.repo_id == repo_id))
        # Of the size, lists know the class: an entry like a tag, which no card can give and no repository shows.
        stated = (tag for tag in (*facts.tags, *facts.links) if not tag.startswith(_SIZE_PREFIX))
        tags = (*stated, f"{_SIZE_PREFIX}{facts.size_class}")
        rows = [{"kind": kind, "tag": tag, "repo_id": repo_id} for tag in tags]
        insert_ignoring_known(self._connection, repo_tags, rows)

    def uncounted(self, *, limit: int) -> Sequence[Repo]:
        query = SELECT_REPOS.where(repos.c.uncounted_head.is_not(None)).order_by(repos.c.id).limit(limit)
        return [to_repo(row) for row in self._connection.execute(query)]

    def set_parameters(self, repo_id: RepoId, *, head: str, parameters: int | None) -> None:
        counted = (repos.c.id == repo_id) & (repos.c.uncounted_head == head)
        self._connection.execute(
            sa.update(repos).where(counted).values(parameters=parameters, uncounted_head=None)
        )

    def set_updated(self, repo_id: RepoId, updated_at: datetime) -> None:
        self._update(repo_id, updated_at=updated_at)

    def update_settings(
        self,
        repo_id: RepoId,
        *,
        private: bool | None = None,
        gated: str | None = None,
        discussions_disabled: bool | None = None,
    ) -> None:
        given = {"private": private, "gated": gated, "discussions_disabled": discussions_disabled}
        values = {name: value for name, value in given.items() if value is not None}
        if values:
            self._update(repo_id, **values)

    def rename(self, repo: Repo, *, namespace_id: NamespaceId, name: str) -> Repo:
        full_name = f"{self._namespace(namespace_id)}/{name}"
        key, old_key = full_name.lower(), repo.full_name.lower()
        try:
            with self._connection.begin_nested():
                self._update(repo.id, namespace_id=namespace_id, name=name, key=key)
        except sa.exc.IntegrityError as error:
            raise MoveTargetExists(repo.kind, full_name) from error
        self._forget_alias(repo.kind, key)
        if old_key != key:
            self._connection.execute(
                sa.insert(repo_aliases).values(kind=repo.kind.value, key=old_key, repo_id=repo.id)
            )
        moved = self.by_id(repo.id)
        assert moved is not None
        return moved

    def delete(self, repo_id: RepoId) -> None:
        self._connection.execute(sa.delete(repos).where(repos.c.id == repo_id))

    def count_downloads(self, repo_id: RepoId, number: int) -> None:
        self._update(
            repo_id,
            downloads=repos.c.downloads + number,
            downloads_all_time=repos.c.downloads_all_time + number,
            trending=repos.c.trending + number * DOWNLOAD_WEIGHT * growth(now()),
        )

    def _namespace(self, namespace_id: NamespaceId) -> str:
        return self._connection.execute(
            sa.select(namespaces.c.name).where(namespaces.c.id == namespace_id)
        ).scalar_one()

    def _forget_alias(self, kind: RepoKind, key: str) -> None:
        self._connection.execute(
            sa.delete(repo_aliases).where(repo_aliases.c.kind == kind.value, repo_aliases.c.key == key)
        )

    def _update(self, repo_id: RepoId, **values: object) -> None:
        self._connection.execute(sa.update(repos).where(repos.c.id == repo_id).values(**values))
