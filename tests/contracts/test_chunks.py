"""What every SQL store must do for xorbs, chunked files and LFS locks. See the domains' `store.py`."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.hub.xet.samples import pack
from wingman.hub.files.model import LargeFile
from wingman.hub.lfs.model import LockExists, LockId
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.storage import SqlStore, SqlTransaction
from wingman.hub.xet.model import NewXorb, XetFile
from wingman.hub.xet.shards import Term

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def add_tenant(tx: SqlTransaction, name: str = "ann"):
    return tx.accounts.add_user(name=name, full_name=name, email="", is_admin=False, created_at=NOW).id


def add_repo(tx: SqlTransaction, owner: str = "ann", name: str = "repo") -> Repo:
    tenant = add_tenant(tx, owner)
    return tx.repos.add(kind=RepoKind.MODEL, namespace_id=tenant, name=name, private=False, created_at=NOW)


def new_xorb(key: str = "xorbs/a") -> NewXorb:
    packed = pack([os.urandom(100), b"text " * 300, b"end"])
    return NewXorb(hash=packed.hash, blob_key=key, table=packed.table, checksum=bytes(32))


class TestXorbs:
    def test_a_xorb_comes_back_with_all_that_is_known_of_its_chunks(self, store: SqlStore):
        xorb = new_xorb()
        with store.write() as tx:
            tx.chunks.add_xorb(xorb, at=NOW)

        with store.read() as tx:
            kept = tx.chunks.xorbs([xorb.hash])[xorb.hash]
            table = tx.chunks.tables([xorb.hash])[xorb.hash]
            offsets = tx.chunks.offsets([xorb.hash])[xorb.hash]

        assert table == xorb.table
        assert (kept.num_chunks, kept.raw_bytes) == (3, 100 + 1500 + 3)
        assert offsets.hashes == b""
        assert offsets.raw_length(1, 3) == 1503

    def test_the_first_copy_of_a_xorb_stays(self, store: SqlStore):
        first = new_xorb("xorbs/first")
        with store.write() as tx:
            tx.chunks.add_xorb(first, at=NOW)
            again = tx.chunks.add_xorb(replace(first, blob_key="xorbs/second"), at=NOW)

        assert again.blob_key == "xorbs/first"

    def test_a_xorb_is_owned_by_who_brought_it(self, store: SqlStore):
        one, two = new_xorb(), new_xorb()
        with store.write() as tx:
            ann, bob = add_tenant(tx, "ann"), add_tenant(tx, "bob")
            for xorb in (one, two):
                tx.chunks.add_xorb(xorb, at=NOW)
            tx.chunks.own(ann, one.hash, at=NOW)
            tx.chunks.own(ann, one.hash, at=NOW)

            assert tx.chunks.owned(ann, [one.hash, two.hash]) == {one.hash}
            assert tx.chunks.owned(bob, [one.hash, two.hash]) == set()

    def test_touching_counts_those_that_are_still_owned(self, store: SqlStore):
        one, two = new_xorb(), new_xorb()
        with store.write() as tx:
            ann = add_tenant(tx)
            tx.chunks.add_xorb(one, at=NOW)
            tx.chunks.own(ann, one.hash, at=NOW)

            assert tx.chunks.touch(ann, {one.hash, two.hash}, at=NOW + timedelta(days=1)) == 1
            assert tx.chunks.touch(ann, set(), at=NOW) == 0

    def test_unknown_xorbs_are_left_out(self, store: SqlStore):
        with store.read() as tx:
            assert tx.chunks.xorbs([bytes(32)]) == tx.chunks.tables([bytes(32)]) == {}


class TestChunkedFiles:
    def test_the_first_terms_of_a_file_stay(self, store: SqlStore):
        terms = (Term(b"\x01" * 32, 10, 0, 3), Term(b"\x00" * 32, 4_294_967_295, 7, 8192))
        file = XetFile(hash=b"f" * 32, sha256=b"s" * 32, size=1 << 40, terms=terms)
        with store.write() as tx:
            tx.chunks.add_file(file, at=NOW)
            tx.chunks.add_file(replace(file, terms=terms[:1]), at=NOW)

            assert tx.chunks.file(file.hash) == file
            assert tx.chunks.file(b"x" * 32) is None

    def test_an_empty_file_has_no_terms(self, store: SqlStore):
        file = XetFile(hash=bytes(32), sha256=b"s" * 32, size=0, terms=())
        with store.write() as tx:
            tx.chunks.add_file(file, at=NOW)

            assert tx.chunks.file(bytes(32)) == file

    def test_chunks_are_found_within_their_tenant(self, store: SqlStore):
        xorb = new_xorb()
        with store.write() as tx:
            ann, bob = add_tenant(tx, "ann"), add_tenant(tx, "bob")
            tx.chunks.add_xorb(xorb, at=NOW)
            tx.chunks.index_chunks(ann, [(b"c" * 32, xorb.hash)], file_hash=b"f" * 32)
            tx.chunks.index_chunks(ann, [(b"c" * 32, xorb.hash), (b"d" * 32, xorb.hash)])
            tx.chunks.index_chunks(ann, [], file_hash=b"f" * 32)

            found = tx.chunks.find_chunk(ann, b"c" * 32)
            assert (found.xorb, found.file_hash) == (xorb.hash, b"f" * 32)
            assert tx.chunks.find_chunk(ann, b"d" * 32).file_hash is None
            assert tx.chunks.find_chunk(bob, b"c" * 32) is None

    def test_a_chunk_leads_to_the_file_it_was_last_seen_in(self, store: SqlStore):
        one, two = new_xorb(), new_xorb()
        with store.write() as tx:
            ann = add_tenant(tx)
            for xorb in (one, two):
                tx.chunks.add_xorb(xorb, at=NOW)
            tx.chunks.index_chunks(ann, [(b"c" * 32, one.hash)])
            tx.chunks.index_chunks(ann, [(b"c" * 32, two.hash)], file_hash=b"g" * 32)

            found = tx.chunks.find_chunk(ann, b"c" * 32)
            assert (found.xorb, found.file_hash) == (two.hash, b"g" * 32)

    def test_a_new_epoch_is_current_and_greater(self, store: SqlStore):
        with store.write() as tx:
            before = tx.chunks.epoch()
            following = tx.chunks.start_epoch(at=NOW)

            assert tx.chunks.epoch() == following > before


class TestLargeFilesOfARepository:
    def test_a_xet_hash_once_shown_is_never_replaced(self, store: SqlStore):
        with store.write() as tx:
            repo = add_repo(tx)
            for xet_hash in ("ab" * 32, "cd" * 32):
                tx.files.register(repo.id, LargeFile(sha256="ee" * 32, size=1, xet_hash=xet_hash))
            tx.files.set_xet_hash("ee" * 32, "ff" * 32)

            assert tx.files.find("ee" * 32).xet_hash == "ab" * 32

    def test_files_are_listed_page_by_page_and_forgotten(self, store: SqlStore):
        files = [LargeFile(sha256=f"{n:02x}" * 32, size=n, blob_key="k") for n in range(5)]
        with store.write() as tx:
            repo = add_repo(tx)
            for file in files:
                tx.files.register(repo.id, file)
            tx.files.forget(repo.id, [files[1].sha256])

            page = tx.files.listing(repo.id, after=files[0].sha256, limit=2)
            assert [item.file for item in page] == files[2:4]

    def test_files_kept_whole_only_wait_for_chunking(self, store: SqlStore):
        whole = LargeFile(sha256="aa" * 32, size=1, blob_key="k")
        with store.write() as tx:
            repo = add_repo(tx)
            for file in (whole, LargeFile(sha256="bb" * 32, size=1, xet_hash="ab" * 32)):
                tx.files.register(repo.id, file)

            assert tx.files.unchunked() == [whole]
            assert tx.files.unchunked(after=whole.sha256) == []
            assert tx.files.owner_of(whole.sha256) == repo.namespace_id
            tx.files.set_xet_hash(whole.sha256, "cd" * 32)
            assert tx.files.unchunked() == []


class TestLocks:
    def test_one_lock_per_path(self, store: SqlStore):
        with store.write() as tx:
            repo = add_repo(tx)
            bob = add_tenant(tx, "bob")
            lock = tx.locks.add(repo.id, "a.bin", owner_id=repo.namespace_id, at=NOW)
            with pytest.raises(LockExists) as refusal:
                tx.locks.add(repo.id, "a.bin", owner_id=bob, at=NOW)

            assert refusal.value.lock == lock
            assert (lock.owner, lock.locked_at) == ("ann", NOW)
            assert tx.locks.find(repo.id, LockId(lock.id + 1)) is None

    def test_locks_are_listed_page_by_page(self, store: SqlStore):
        with store.write() as tx:
            repo = add_repo(tx)
            locks = [tx.locks.add(repo.id, f"{n}.bin", owner_id=repo.namespace_id, at=NOW) for n in range(4)]
            tx.locks.remove(repo.id, locks[2].id)

            assert tx.locks.list(repo.id, after=locks[0].id, limit=2) == [locks[1], locks[3]]
            assert tx.locks.list(repo.id, path="3.bin") == [locks[3]]
