"""What every SQL store must do. See `wingman.hub.store` and the domains' `store.py`."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from wingman.hub.access.model import Visibility
from wingman.hub.accounts.model import Role, Session, TokenRole
from wingman.hub.accounts.store import AccountMissing, NameTaken
from wingman.hub.events.model import Event
from wingman.hub.files.model import LargeFile
from wingman.hub.git.objects import GitObject, ObjectKind
from wingman.hub.git.pointers import Pointer
from wingman.hub.git.store import ObjectMissing, RefMoved
from wingman.hub.repos.model import MoveTargetExists, Repo, RepoExists, RepoFacts, RepoKind
from wingman.hub.repos.store import RepoFilter
from wingman.hub.storage import SqlStore, SqlTransaction

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
EVERYTHING = Visibility(everything=True, namespace_ids=frozenset())
PUBLIC = Visibility(everything=False, namespace_ids=frozenset())


def add_user(tx: SqlTransaction, name: str = "ann"):
    return tx.accounts.add_user(name=name, full_name=name.title(), email="", is_admin=False, created_at=NOW)


def add_repo(
    tx: SqlTransaction,
    name: str = "repo",
    kind: RepoKind = RepoKind.MODEL,
    *,
    owner: str = "ann",
    private: bool = False,
) -> Repo:
    try:
        namespace = tx.accounts.namespace(owner)
    except AccountMissing:
        namespace = add_user(tx, owner)
    return tx.repos.add(
        kind=kind, namespace_id=namespace.id, name=name, private=private, created_at=NOW
    )


def facts(*tags: str, about: str = "") -> RepoFacts:
    return RepoFacts(card={"tags": list(tags)}, tags=tags, about=about)


class TestTransactions:
    def test_a_failed_block_leaves_nothing(self, store: SqlStore):
        with pytest.raises(ZeroDivisionError), store.write() as tx:
            add_repo(tx)
            _ = 1 / 0

        with store.read() as tx:
            assert tx.accounts.num_users() == 0
            assert tx.repos.find(RepoKind.MODEL, "ann/repo") is None

    def test_times_come_back_as_they_went_in(self, store: SqlStore):
        with store.write() as tx:
            add_user(tx)

        with store.read() as tx:
            assert tx.accounts.namespace("ann").created_at == NOW


class TestAccounts:
    def test_names_are_found_and_taken_in_any_case(self, store: SqlStore):
        with store.write() as tx:
            user = add_user(tx, "Ann")
            with pytest.raises(NameTaken):
                tx.accounts.add_organization(
                    name="ANN", full_name="", private_by_default=False, created_at=NOW
                )
            assert tx.accounts.namespace("aNN") == user

    def test_roles_change_and_end(self, store: SqlStore):
        with store.write() as tx:
            user = add_user(tx)
            team = tx.accounts.add_organization(
                name="team", full_name="Team", private_by_default=True, created_at=NOW
            )
            tx.accounts.set_membership(team.id, user.id, Role.READ)
            tx.accounts.set_membership(team.id, user.id, Role.ADMIN)
            assert tx.accounts.memberships(user.id)[0].role is Role.ADMIN
            assert tx.accounts.members(team.id) == [(user, Role.ADMIN)]
            tx.accounts.set_membership(team.id, user.id, None)
            assert tx.accounts.memberships(user.id) == []

    def test_a_token_secret_that_is_known_moves_to_its_new_owner(self, store: SqlStore):
        def add(user, role):
            return tx.accounts.add_token(
                user.id,
                secret_hash=b"h" * 32,
                name="t",
                role=role,
                hint="abcd",
                created_at=NOW,
                expires_at=None,
                repo_scope=None,
            )

        with store.write() as tx:
            ann, ben = add_user(tx, "ann"), add_user(tx, "ben")
            first = add(ann, TokenRole.WRITE)
            second = add(ben, TokenRole.READ)
            assert (first.id, first.user_id) == (second.id, ann.id)
            kept = tx.accounts.token(b"h" * 32)
            assert kept is not None
            assert (kept.user_id, kept.role) == (ben.id, TokenRole.READ)
            assert tx.accounts.delete_token(ann.id, kept.id) is False
            assert tx.accounts.delete_token(ben.id, kept.id) is True

    def test_expired_sessions_are_swept_when_a_new_one_comes(self, store: SqlStore):
        with store.write() as tx:
            user = add_user(tx)
            old = Session(user_id=user.id, csrf="a", created_at=NOW, expires_at=NOW + timedelta(hours=1))
            tx.accounts.add_session(old, secret_hash=b"1" * 32)
            later = NOW + timedelta(days=1)
            new = Session(user_id=user.id, csrf="b", created_at=later, expires_at=later + timedelta(1))
            tx.accounts.add_session(new, secret_hash=b"2" * 32)
            assert tx.accounts.session(b"1" * 32) is None
            assert tx.accounts.session(b"2" * 32) == new


class TestRepos:
    def test_a_name_exists_once_for_each_kind(self, store: SqlStore):
        with store.write() as tx:
            add_repo(tx)
            with pytest.raises(RepoExists):
                add_repo(tx, "REPO")
            owner = tx.accounts.namespace("ann")
            tx.repos.add(
                kind=RepoKind.DATASET, namespace_id=owner.id, name="repo", private=False, created_at=NOW
            )
            assert tx.repos.find(RepoKind.DATASET, "Ann/Repo") is not None

    def test_an_old_name_leads_to_the_moved_repository_until_it_is_taken(self, store: SqlStore):
        with store.write() as tx:
            repo = add_repo(tx, "old")
            tx.repos.rename(repo, namespace_id=repo.namespace_id, name="new")
            found = tx.repos.find(RepoKind.MODEL, "ann/old")
            assert found is not None
            assert found.full_name == "ann/new"
            other = add_repo(tx, "old")
            assert tx.repos.find(RepoKind.MODEL, "ann/old") == other

    def test_a_move_never_overwrites(self, store: SqlStore):
        with store.write() as tx:
            repo = add_repo(tx, "one")
            add_repo(tx, "two")
            with pytest.raises(MoveTargetExists, match="A model repository called ann/two already exists"):
                tx.repos.rename(repo, namespace_id=repo.namespace_id, name="two")

    def test_the_id_of_a_deleted_repository_is_never_given_again(self, store: SqlStore):
        with store.write() as tx:
            first = add_repo(tx, "one")
            tx.repos.delete(first.id)
            second = add_repo(tx, "two")
            assert second.pool_id > first.pool_id

    def test_lists_show_what_the_viewer_may_see(self, store: SqlStore):
        with store.write() as tx:
            public, hidden = add_repo(tx, "open"), add_repo(tx, "hidden", private=True)
            mine = Visibility(everything=False, namespace_ids=frozenset({public.namespace_id}))

            def names(visible_to):
                return {
                    repo.name
                    for repo in tx.repos.page(RepoFilter(kind=RepoKind.MODEL, visible_to=visible_to))
                }

            assert names(PUBLIC) == {"open"}
            assert names(mine) == names(EVERYTHING) == {"open", "hidden"}
            assert tx.repos.count(hidden.namespace_id, RepoKind.MODEL, PUBLIC) == 1

    @pytest.mark.parametrize("sort", ["trendingScore", "lastModified", "createdAt", "downloads", "likes"])
    def test_pages_cover_every_row_once(self, store: SqlStore, sort: str):
        with store.write() as tx:
            for number in range(7):
                repo = add_repo(tx, f"r{number}")
                tx.repos.count_downloads(repo.id, number // 2)
            seen, after = [], None
            while True:
                wanted = RepoFilter(kind=RepoKind.MODEL, visible_to=PUBLIC, sort=sort, limit=3, after=after)
                page = tx.repos.page(wanted)
                seen += [repo.name for repo in page]
                if len(page) < 3:
                    break
                last = page[-1]
                value = {
                    "trendingScore": last.trending,
                    "downloads": last.downloads,
                    "likes": last.likes,
                }.get(sort, NOW.timestamp() * 1000)
                after = (value, last.id)
        assert sorted(seen) == [f"r{number}" for number in range(7)]

    def test_search_finds_parts_of_names_and_of_cards(self, store: SqlStore):
        with store.write() as tx:
            movie, other = add_repo(tx, "Movie-Reviews"), add_repo(tx, "other")
            tx.repos.set_head(
                other.id, head=None, facts=facts(about="Trained on MOVIE lines"), updated_at=NOW
            )

            def found(**words):
                page = tx.repos.page(RepoFilter(kind=RepoKind.MODEL, visible_to=PUBLIC, **words))
                return {repo.name for repo in page}

            assert found(search=("vie-rev",)) == {"Movie-Reviews"}
            assert found(search=("mo",)) == {"Movie-Reviews"}
            assert found(search=("movie", "ann/")) == {"Movie-Reviews"}
            assert found(text=("movie",)) == {"Movie-Reviews", "other"}
            assert found(search=('"%_',)) == set()
            tx.repos.rename(movie, namespace_id=movie.namespace_id, name="film")
            assert found(search=("movie",)) == set()
            tx.repos.delete(other.id)
            assert found(text=("movie",)) == set()

    def test_every_tag_must_match_and_facets_count_what_matches(self, store: SqlStore):
        with store.write() as tx:
            for number, tags in enumerate(
                [("a", "license:mit"), ("a", "b", "license:mit"), ("b", "license:gpl")]
            ):
                repo = add_repo(tx, f"r{number}")
                tx.repos.set_head(repo.id, head="1" * 40, facts=facts(*tags), updated_at=NOW)
            wanted = RepoFilter(kind=RepoKind.MODEL, visible_to=PUBLIC, tags=("a", "b"))
            assert [repo.name for repo in tx.repos.page(wanted)] == ["r1"]
            assert tx.repos.num_matching(wanted) == 1
            everything = RepoFilter(kind=RepoKind.MODEL, visible_to=PUBLIC)
            assert tx.repos.facets(everything, ["license:", ""], limit=5) == {
                "license:": {"license:mit": 2, "license:gpl": 1},
                "": {"a": 2, "b": 2},
            }

    def test_repositories_are_found_by_links_that_are_no_tags_of_theirs(self, store: SqlStore):
        with store.write() as tx:
            linked, plain = add_repo(tx, "linked"), add_repo(tx, "plain")
            links = ("model:ann/m", "dataset:ann/d")
            tx.repos.set_head(linked.id, head=None, facts=RepoFacts(tags=("a",), links=links), updated_at=NOW)
            tx.repos.set_head(plain.id, head=None, facts=facts("a"), updated_at=NOW)

            for words in ({"tags": links}, {"is_linked": True}, {"tags": ("a",), "is_linked": True}):
                page = tx.repos.page(RepoFilter(kind=RepoKind.MODEL, visible_to=PUBLIC, **words))
                assert [repo.name for repo in page] == ["linked"]
            assert page[0].facts.tags == ("a",)

    def test_a_card_cannot_put_its_repository_into_another_class_of_size(self, store: SqlStore):
        with store.write() as tx:
            repo = add_repo(tx, "small")
            boastful = RepoFacts(tags=("bytes:over 10 GB",), used_bytes=5)
            tx.repos.set_head(repo.id, head=None, facts=boastful, updated_at=NOW)
            everything = RepoFilter(kind=RepoKind.MODEL, visible_to=PUBLIC)
            assert tx.repos.facets(everything, ["bytes:"], limit=5) == {"bytes:": {"bytes:under 10 MB": 1}}

    def test_models_wait_until_their_newest_head_is_counted(self, store: SqlStore):
        def move(tx, repo, head: str | None) -> None:
            tx.repos.set_head(repo.id, head=head, facts=facts(), updated_at=NOW)

        def found(tx, *bounds: int | None) -> list[str]:
            wanted = RepoFilter(kind=RepoKind.MODEL, visible_to=PUBLIC, parameters=bounds)
            return [repo.name for repo in tx.repos.page(wanted)]

        with store.write() as tx:
            model, bare = add_repo(tx, "model"), add_repo(tx, "bare")
            data = add_repo(tx, "data", RepoKind.DATASET)
            for repo in (model, bare, data):
                move(tx, repo, "1" * 40)
            assert {repo.id for repo in tx.repos.uncounted(limit=9)} == {model.id, bare.id}
            tx.repos.set_parameters(bare.id, head="1" * 40, parameters=None)
            move(tx, model, "2" * 40)
            tx.repos.set_parameters(model.id, head="1" * 40, parameters=5)  # too late
            assert [repo.id for repo in tx.repos.uncounted(limit=9)] == [model.id]
            assert found(tx, None, None) == []
            tx.repos.set_parameters(model.id, head="2" * 40, parameters=3 * 10**12)
            assert list(tx.repos.uncounted(limit=9)) == []
            assert found(tx, 3 * 10**12, None) == found(tx, None, 3 * 10**12) == ["model"]
            assert found(tx, 3 * 10**12 + 1, None) == found(tx, 1, 10**12) == []

    def test_a_taken_name_is_told_as_it_is_written(self, store: SqlStore):
        with store.write() as tx:
            add_repo(tx, "Repo")

            with pytest.raises(RepoExists) as raised:
                add_repo(tx, "rEPO")

        assert raised.value.full_name == "ann/Repo"


class TestGit:
    def test_objects_come_back_and_known_ones_are_passed_over(self, store: SqlStore):
        small = GitObject(ObjectKind.BLOB, b"small")
        large = GitObject(ObjectKind.BLOB, b"x" * 1_000_000)
        with store.write() as tx:
            repo = add_repo(tx)
            tx.git.add_objects(repo.pool_id, [small, large])
            tx.git.add_objects(repo.pool_id, [small])
            assert tx.git.objects(repo.pool_id, [small.oid, large.oid, "0" * 40]) == {
                small.oid: small,
                large.oid: large,
            }
            assert tx.git.kinds(repo.pool_id, [small.oid]) == {small.oid: ObjectKind.BLOB}
            with pytest.raises(ObjectMissing):
                tx.git.object(repo.pool_id, "0" * 40)

    def test_another_pool_does_not_see_them(self, store: SqlStore):
        blob = GitObject(ObjectKind.BLOB, b"secret")
        with store.write() as tx:
            mine, theirs = add_repo(tx, "mine"), add_repo(tx, "theirs")
            tx.git.add_objects(mine.pool_id, [blob])
            assert tx.git.objects(theirs.pool_id, [blob.oid]) == {}

    def test_blob_facts_know_pointers(self, store: SqlStore):
        pointer = Pointer("ab" * 32, 5_000_000_000)
        blob = GitObject(ObjectKind.BLOB, pointer.text)
        with store.write() as tx:
            repo = add_repo(tx)
            tx.git.add_objects(repo.pool_id, [blob])
            found = tx.git.blob_facts(repo.pool_id, [blob.oid])[blob.oid]
        assert (found.size, found.pointer) == (len(pointer.text), pointer)

    def test_a_ref_moves_only_from_where_it_was_believed_to_be(self, store: SqlStore):
        one, two = "1" * 40, "2" * 40
        with store.write() as tx:
            repo = add_repo(tx)
            tx.git.move_ref(repo.id, "refs/heads/main", old=None, new=one, commit=one)
            for wrong in (None, two):
                with pytest.raises(RefMoved) as raised:
                    tx.git.move_ref(repo.id, "refs/heads/main", old=wrong, new=two, commit=two)
                assert raised.value.actual == one
            tx.git.move_ref(repo.id, "refs/heads/main", old=one, new=two, commit=two)
            assert [ref.oid for ref in tx.git.refs(repo.id)] == [two]
            tx.git.move_ref(repo.id, "refs/heads/main", old=two, new=None, commit=None)
            assert tx.git.refs(repo.id) == []

    def test_of_racing_moves_exactly_one_wins(self, store: SqlStore):
        start = "f" * 40
        with store.write() as tx:
            repo = add_repo(tx)
            tx.git.move_ref(repo.id, "refs/heads/main", old=None, new=start, commit=start)
        outcomes: list[str] = []

        def race(digit: str) -> None:
            try:
                with store.write() as tx:
                    tx.git.move_ref(repo.id, "refs/heads/main", old=start, new=digit * 40, commit=digit * 40)
                outcomes.append("won")
            except RefMoved:
                outcomes.append("lost")

        threads = [threading.Thread(target=race, args=(digit,)) for digit in "12345678"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == ["lost"] * 7 + ["won"]

    def test_commits_are_found_by_an_unambiguous_beginning(self, store: SqlStore):
        one, two = "abc1234" + "0" * 33, "abc1235" + "0" * 33
        with store.write() as tx:
            repo, other = add_repo(tx), add_repo(tx, "other")
            tx.git.add_commits(repo.id, [one, two, one])
            assert tx.git.find_commit(repo.id, "abc1234") == one
            assert tx.git.find_commit(repo.id, "abc123") is None
            assert tx.git.has_commit(repo.id, two)
            assert not tx.git.has_commit(other.id, two)


class TestLargeFiles:
    def test_knowing_a_sha256_gives_no_repository_its_bytes(self, store: SqlStore):
        file = LargeFile(sha256="cd" * 32, size=10, blob_key="lfs/cd")
        with store.write() as tx:
            mine, theirs = add_repo(tx, "mine"), add_repo(tx, "theirs")
            tx.files.register(mine.id, file)
            assert tx.files.in_repo(mine.id, [file.sha256, "ee" * 32]) == {file.sha256: file}
            assert tx.files.in_repo(theirs.id, [file.sha256]) == {}

    def test_ways_of_keeping_a_file_add_up(self, store: SqlStore):
        with store.write() as tx:
            repo = add_repo(tx)
            tx.files.register(repo.id, LargeFile(sha256="cd" * 32, size=10, blob_key="lfs/cd"))
            tx.files.register(repo.id, LargeFile(sha256="cd" * 32, size=10, xet_hash="ab" * 32))
            both = LargeFile(sha256="cd" * 32, size=10, blob_key="lfs/cd", xet_hash="ab" * 32)
            assert tx.files.find("cd" * 32) == both
            assert tx.files.by_xet_hash(repo.id, "ab" * 32) == both


def test_events_are_numbered_and_read_in_order(store: SqlStore):
    with store.write() as tx:
        for name in ("one", "two", "three"):
            tx.events.add(Event(name=name, repo_id=1, user_id=None, at=NOW, facts={"a": [1]}))
        first = tx.events.after(0, limit=1)[0][0]
        rest = tx.events.after(first, limit=10)
    assert [event.name for _, event in rest] == ["two", "three"]
    assert rest[0][1].facts == {"a": [1]}


def test_a_secret_is_made_once(store: SqlStore):
    with store.write() as tx:
        assert tx.secrets.add("key", b"first") == b"first"
        assert tx.secrets.add("key", b"second") == b"first"


def test_recent_attention_outranks_what_was_liked_long_ago(store: SqlStore, monkeypatch: pytest.MonkeyPatch):
    with store.write() as tx:
        old, new = add_repo(tx, "old"), add_repo(tx, "new")
        monkeypatch.setattr("wingman.hub.repos.sql.now", lambda: NOW)
        tx.repos.count_downloads(old.id, 100)
        monkeypatch.setattr("wingman.hub.repos.sql.now", lambda: NOW + timedelta(days=30))
        tx.repos.count_downloads(new.id, 1)
        page = tx.repos.page(RepoFilter(kind=RepoKind.MODEL, visible_to=PUBLIC, sort="trendingScore"))
    assert [repo.name for repo in page] == ["new", "old"]
