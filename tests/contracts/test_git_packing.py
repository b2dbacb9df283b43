"""Git objects leave every store as packs hold them."""

import random
import shutil
import zlib

import pytest

from tests.contracts.test_store import add_repo
from wingman.hub.git.objects import GitObject, ObjectKind
from wingman.hub.git.sql import INLINE_BYTES
from wingman.hub.git.store import ObjectMissing
from wingman.hub.git.wire.packs import write_pack
from wingman.hub.git.wire.program import DiskRepo
from wingman.hub.storage import SqlStore

OBJECTS = [
    GitObject(ObjectKind.BLOB, b""),
    GitObject(ObjectKind.BLOB, b"small"),
    GitObject(ObjectKind.TREE, b""),
    GitObject(ObjectKind.BLOB, random.Random(1).randbytes(INLINE_BYTES + 1)),
    *(GitObject(ObjectKind.BLOB, b"%d" % number) for number in range(1000)),
]
"""One that lies in the object store, and more than fit into one question to the database."""


def test_each_object_comes_once_compressed_as_it_is_kept(store: SqlStore):
    with store.write() as tx:
        repo = add_repo(tx)
        tx.git.add_objects(repo.pool_id, OBJECTS)
        oids = [item.oid for item in OBJECTS]

        packed = list(tx.git.packed_objects(repo.pool_id, [*oids, oids[0]]))

    assert [item.oid for item in packed] == oids
    assert [GitObject(item.kind, zlib.decompress(item.deflated)) for item in packed] == OBJECTS
    assert [item.size for item in packed] == [len(item.data) for item in OBJECTS]


def test_an_object_that_is_not_there_is_an_error_and_not_left_out(store: SqlStore):
    with store.write() as tx:
        repo = add_repo(tx)

        with pytest.raises(ObjectMissing):
            list(tx.git.packed_objects(repo.pool_id, ["a" * 40]))


def test_every_commit_of_a_repository_is_listed_and_none_of_another(store: SqlStore):
    with store.write() as tx:
        repo, other = add_repo(tx), add_repo(tx, "other")
        tx.git.add_commits(repo.id, ["a" * 40, "b" * 40])
        tx.git.add_commits(other.id, ["c" * 40])

        assert set(tx.git.commits(repo.id)) == {"a" * 40, "b" * 40}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git: apt-get install git")
def test_git_reads_the_pack(store: SqlStore, tmp_path):
    for part in ("objects/pack", "refs"):
        (tmp_path / "bare" / part).mkdir(parents=True)
    (tmp_path / "bare" / "HEAD").write_text("ref: refs/heads/main\n")
    bare = DiskRepo(tmp_path / "bare")
    with store.write() as tx:
        repo = add_repo(tx)
        tx.git.add_objects(repo.pool_id, OBJECTS)
        oids = [item.oid for item in OBJECTS]

        bare.add_pack(write_pack(len(oids), tx.git.packed_objects(repo.pool_id, oids)))

    assert list(bare.read_objects(oids)) == OBJECTS
