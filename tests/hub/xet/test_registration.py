"""A shard makes files known only if all it claims is true."""

import hashlib
import os
from dataclasses import replace

import pytest

from tests.hub.xet.samples import file_of, pack
from tests.hub.xet.sending import make_repo, send_shard, send_xorb, writer
from wingman.hub.errors import NotFound, TooLarge
from wingman.hub.repos.model import RepoKind
from wingman.hub.xet.errors import HashMismatch
from wingman.hub.xet.hashes import to_text
from wingman.hub.xet.registration import (
    BadShard,
    Interrupted,
    Progress,
    Sha256Differs,
    ShardRegistrar,
    XorbNotUploaded,
)
from wingman.hub.xet.shards import serialize_upload

CHUNKS = [os.urandom(20_000), b"text " * 9000, os.urandom(30_000)]
DATA = b"".join(CHUNKS)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def xorb():
    return pack(CHUNKS)


@pytest.fixture
def repo(hub, alice):
    return make_repo(hub, alice)


@pytest.fixture
def grant(hub, alice, repo, xorb):
    """Alice's write token, after her xorb has arrived."""
    given = writer(hub, alice, repo)
    send_xorb(hub, given, xorb)
    return given


def known_files(hub, repo):
    with hub.store.read() as tx:
        return {item.file.sha256: item.file for item in tx.files.listing(repo.id)}


def test_a_file_is_bound_to_the_repository_by_the_sha256_of_its_content(hub, grant, repo, xorb):
    file = file_of([(xorb, 0, 3)], SHA256)

    assert send_shard(hub, grant, [file], [(xorb.hash, xorb.table)]) is True

    bound = known_files(hub, repo)[SHA256]
    assert (bound.size, bound.xet_hash, bound.blob_key) == (len(DATA), to_text(file.hash), None)
    assert hub.read_large_file(bound, 0, len(DATA)) == DATA


def test_sending_a_shard_again_says_that_it_was_known(hub, grant, xorb):
    file = file_of([(xorb, 0, 3)], SHA256)

    assert [send_shard(hub, grant, [file]) for _ in range(2)] == [True, False]


def test_a_file_without_a_sha256_gets_the_one_of_its_content(hub, grant, repo, xorb):
    send_shard(hub, grant, [file_of([(xorb, 0, 3)], None)])

    assert list(known_files(hub, repo)) == [SHA256]


def test_a_file_may_use_chunks_in_any_order_and_twice(hub, grant, repo, xorb):
    data = CHUNKS[2] + CHUNKS[0] + CHUNKS[1] + CHUNKS[2]
    sha256 = hashlib.sha256(data).hexdigest()

    send_shard(hub, grant, [file_of([(xorb, 2, 3), (xorb, 0, 3)], sha256)])

    assert hub.read_large_file(known_files(hub, repo)[sha256], 0, len(data)) == data


def test_a_false_sha256_is_refused(hub, grant, repo, xorb):
    with pytest.raises(Sha256Differs) as refusal:
        send_shard(hub, grant, [file_of([(xorb, 0, 3)], "a" * 64)])

    assert (refusal.value.claimed, refusal.value.actual) == ("a" * 64, SHA256)
    assert known_files(hub, repo) == {}


def test_a_false_sha256_of_a_known_file_is_refused_too(hub, grant, xorb):
    send_shard(hub, grant, [file_of([(xorb, 0, 3)], SHA256)])

    with pytest.raises(Sha256Differs):
        send_shard(hub, grant, [file_of([(xorb, 0, 3)], "a" * 64)])


def test_a_xorb_that_was_never_sent_is_refused(hub, alice, repo, xorb):
    with pytest.raises(XorbNotUploaded):
        send_shard(hub, writer(hub, alice, repo), [file_of([(xorb, 0, 3)], SHA256)])


def test_knowing_the_hashes_of_a_strangers_xorb_gives_nobody_its_bytes(hub, bob, grant, xorb):
    others = make_repo(hub, bob)

    with pytest.raises(XorbNotUploaded):
        send_shard(hub, writer(hub, bob, others), [file_of([(xorb, 0, 3)], SHA256)])

    assert known_files(hub, others) == {}


def test_a_stranger_who_sends_the_whole_xorb_may_refer_to_it(hub, bob, grant, xorb):
    others = make_repo(hub, bob)
    theirs = writer(hub, bob, others)

    send_xorb(hub, theirs, xorb)
    send_shard(hub, theirs, [file_of([(xorb, 0, 3)], SHA256)])

    assert SHA256 in known_files(hub, others)


def test_who_offers_a_pull_request_works_outside_the_owners_chunks(hub, bob, grant, repo, xorb):
    offered = writer(hub, bob, repo)

    assert offered.tenant == bob.user.id
    assert not hub.xet.has_xorb(offered, xorb.hash)
    with pytest.raises(XorbNotUploaded):
        send_shard(hub, offered, [file_of([(xorb, 0, 3)], SHA256)])


def test_a_term_with_a_false_length_is_refused(hub, grant, xorb):
    file = file_of([(xorb, 0, 3)], SHA256)
    longer = replace(file, terms=(file.terms[0]._replace(length=len(DATA) + 1),))

    with pytest.raises(BadShard, match="claims"):
        send_shard(hub, grant, [longer])


def test_a_term_past_the_end_of_its_xorb_is_refused(hub, grant, xorb):
    file = file_of([(xorb, 0, 3)], SHA256)
    longer = replace(file, terms=(file.terms[0]._replace(end=4),))

    with pytest.raises(BadShard, match="there are 3"):
        send_shard(hub, grant, [longer])


def test_a_term_without_proof_is_refused(hub, grant, xorb):
    file = file_of([(xorb, 0, 3)], SHA256)

    with pytest.raises(BadShard, match="without the hashes"):
        send_shard(hub, grant, [replace(file, range_hashes=())])
    with pytest.raises(BadShard, match="wrong range hash"):
        send_shard(hub, grant, [replace(file, range_hashes=(bytes(32),))])


def test_a_file_under_a_name_that_is_not_its_own_is_refused(hub, grant, xorb):
    file = file_of([(xorb, 0, 2)], None)

    with pytest.raises(HashMismatch):
        send_shard(hub, grant, [replace(file, hash=file_of([(xorb, 0, 3)]).hash)])


def test_chunks_listed_for_a_xorb_must_be_those_it_holds(hub, grant, xorb):
    other = pack(CHUNKS[:2])

    with pytest.raises(BadShard, match="not those it holds"):
        send_shard(hub, grant, [], [(xorb.hash, other.table)])


def test_either_all_files_of_a_shard_become_known_or_none(hub, grant, repo, xorb):
    good, bad = file_of([(xorb, 0, 3)], SHA256), file_of([(xorb, 0, 2)], "a" * 64)

    with pytest.raises(Sha256Differs):
        send_shard(hub, grant, [good, bad])

    assert known_files(hub, repo) == {}


def test_a_few_bytes_cannot_claim_more_than_the_largest_file(hub, grant, xorb):
    small = ShardRegistrar(hub.store, hub.large_files._chunked, max_file_bytes=len(DATA) * 3)
    file = file_of([(xorb, 0, 3)] * 4)

    with pytest.raises(TooLarge):
        small.register(grant, serialize_upload([file], []), Progress())


def test_a_repository_that_was_deleted_meanwhile_gets_nothing(hub, alice, grant, repo, xorb):
    hub.repos.delete(alice, RepoKind.MODEL, repo.full_name)

    with pytest.raises(NotFound, match="gone"):
        send_shard(hub, grant, [file_of([(xorb, 0, 3)], SHA256)])


def test_progress_counts_the_bytes_that_were_read(hub, grant, xorb):
    progress = Progress()

    hub.shards.register(grant, serialize_upload([file_of([(xorb, 0, 3)], SHA256)], []), progress)

    assert (progress.verified, progress.total) == (len(DATA), len(DATA))


def test_a_hub_that_shuts_down_does_not_wait_for_large_files(hub, grant, repo, xorb):
    hub.shards.close()

    with pytest.raises(Interrupted):
        send_shard(hub, grant, [file_of([(xorb, 0, 3)], SHA256)])

    assert known_files(hub, repo) == {}
