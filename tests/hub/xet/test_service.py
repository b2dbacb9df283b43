"""Access to the CAS: tokens, tenants, what clients may deduplicate against, links to stored bytes."""

import hashlib
import os

import pytest

from tests.hub.xet.samples import file_of, pack
from tests.hub.xet.sending import make_repo, send_shard, send_xorb, writer
from wingman.hub.access.model import ANONYMOUS
from wingman.hub.errors import Forbidden, RangeNotSatisfiable, Unauthorized
from wingman.hub.signing.service import BadSignature
from wingman.hub.xet.hashes import chunk_hash, dedup_hash, is_dedup_candidate
from wingman.hub.xet.service import TOKEN_SLACK_SECONDS, FileNotHere, Link, XetService
from wingman.hub.xet.shards import parse_shard

CHUNKS = [os.urandom(20_000), os.urandom(30_000), os.urandom(40_000)]
DATA = b"".join(CHUNKS)
FOOTER_KEY = slice(-200 + 72, -200 + 104)


@pytest.fixture
def repo(hub, alice):
    return make_repo(hub, alice)


@pytest.fixture
def xorb():
    return pack(CHUNKS)


@pytest.fixture
def file(hub, alice, repo, xorb):
    """A file of three chunks that alice uploaded."""
    grant = writer(hub, alice, repo)
    send_xorb(hub, grant, xorb)
    described = file_of([(xorb, 0, 3)], hashlib.sha256(DATA).hexdigest())
    send_shard(hub, grant, [described])
    return described


class Clock:
    """A clock that a test moves."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def service_at(hub, clock: Clock) -> XetService:
    signer = type(hub.signer)(b"key", clock=clock)
    return XetService(hub.store, hub.blobs, signer, min_free_bytes=0, clock=clock)


def test_a_token_opens_the_address_it_was_given_for_and_no_other(hub, alice, repo):
    connection = hub.xet.connect(alice, repo, may_write=True)

    grant = hub.xet.grant_for(connection.token, connection.tenant, write=True)

    assert (grant.repo_id, grant.tenant, grant.may_write) == (repo.id, alice.user.id, True)
    with pytest.raises(Forbidden):
        hub.xet.grant_for(connection.token, connection.tenant + 1, write=False)


def test_a_read_token_writes_nothing(hub, alice, repo):
    connection = hub.xet.connect(alice, repo, may_write=False)

    with pytest.raises(Forbidden):
        hub.xet.grant_for(connection.token, connection.tenant, write=True)


@pytest.mark.parametrize("token", [None, "", "nonsense", "e30.AAAA"])
def test_without_a_good_token_nothing_opens(hub, token):
    with pytest.raises(Unauthorized):
        hub.xet.grant_for(token, 1, write=False)


def test_a_token_outlives_its_announced_end_by_the_slack_only(hub, alice, repo):
    clock = Clock()
    service = service_at(hub, clock)
    connection = service.connect(alice, repo, may_write=True)

    clock.now = connection.expires_at + TOKEN_SLACK_SECONDS - 1
    service.grant_for(connection.token, connection.tenant, write=True)

    clock.now = connection.expires_at + TOKEN_SLACK_SECONDS + 1
    with pytest.raises(Unauthorized, match="expired"):
        service.grant_for(connection.token, connection.tenant, write=True)


def test_a_new_epoch_gives_clients_a_new_address(hub, alice, repo):
    before = hub.xet.connect(alice, repo, may_write=True).epoch

    hub.xet.start_epoch()

    assert hub.xet.connect(alice, repo, may_write=True).epoch > before


def test_the_first_chunk_of_a_file_leads_to_all_of_its_xorbs(hub, alice, repo):
    grant = writer(hub, alice, repo)
    xorbs = [pack([chunk]) for chunk in CHUNKS]
    for xorb in xorbs:
        send_xorb(hub, grant, xorb)
    send_shard(hub, grant, [file_of([(xorb, 0, 1) for xorb in xorbs])])

    answer = hub.xet.dedup_answer(grant, xorbs[0].table.hashes)

    assert {xorb.hash for xorb in parse_shard(answer).xorbs} == {xorb.hash for xorb in xorbs}


def test_any_chunk_that_can_be_asked_for_leads_to_all_xorbs_of_its_file(hub, alice, repo):
    marked = next(data for n in range(50_000) if is_dedup_candidate(chunk_hash(data := b"chunk %d" % n)))
    grant = writer(hub, alice, repo)
    xorbs = [pack([chunk]) for chunk in (*CHUNKS, marked)]
    for xorb in xorbs:
        send_xorb(hub, grant, xorb)
    send_shard(hub, grant, [file_of([(xorb, 0, 1) for xorb in xorbs])])

    answer = hub.xet.dedup_answer(grant, chunk_hash(marked))

    assert {xorb.hash for xorb in parse_shard(answer).xorbs} == {xorb.hash for xorb in xorbs}


def test_a_dedup_answer_hides_its_chunks_from_whoever_has_not_got_them(hub, alice, repo, file, xorb):
    answer = hub.xet.dedup_answer(writer(hub, alice, repo), xorb.table.hashes_of(0, 1))

    key = answer[FOOTER_KEY]
    (described,) = parse_shard(answer).xorbs
    assert key != bytes(32)
    assert xorb.table.hashes_of(0, 1) not in answer
    assert described.hashes == b"".join(dedup_hash(key, xorb.table.hashes_of(i, i + 1)) for i in range(3))


def test_one_chunk_in_1024_can_be_asked_for_wherever_it_stands(hub, alice, repo):
    chunk = next(data for n in range(50_000) if is_dedup_candidate(chunk_hash(data := b"chunk %d" % n)))
    grant = writer(hub, alice, repo)
    send_xorb(hub, grant, pack([b"before", chunk, b"behind"]))

    assert hub.xet.dedup_answer(grant, chunk_hash(chunk)) is not None
    assert hub.xet.dedup_answer(grant, chunk_hash(b"behind")) is None


def test_what_a_namespace_holds_is_told_to_nobody_else(hub, alice, bob, repo, file, xorb):
    first_chunk = xorb.table.hashes_of(0, 1)
    visitor = hub.xet.connect(ANONYMOUS, repo, may_write=False)

    assert hub.xet.dedup_answer(writer(hub, bob, make_repo(hub, bob)), first_chunk) is None
    assert hub.xet.dedup_answer(writer(hub, bob, repo), first_chunk) is None
    assert (
        hub.xet.dedup_answer(hub.xet.grant_for(visitor.token, visitor.tenant, write=False), first_chunk)
        is None
    )


def test_a_file_is_rebuilt_for_its_own_repository_only(hub, alice, repo, file):
    elsewhere = writer(hub, alice, make_repo(hub, alice, "other"))

    plan, xorbs = hub.xet.reconstruction(writer(hub, alice, repo), file.hash)

    assert [term.length for term in plan.terms] == [len(DATA)]
    assert set(xorbs) == {file.terms[0].xorb}
    with pytest.raises(FileNotHere):
        hub.xet.reconstruction(elsewhere, file.hash)


def test_a_range_past_the_end_cannot_be_satisfied(hub, alice, repo, file):
    with pytest.raises(RangeNotSatisfiable):
        hub.xet.reconstruction(writer(hub, alice, repo), file.hash, len(DATA))


def test_a_link_carries_its_bytes_and_ends(hub):
    clock = Clock()
    service = service_at(hub, clock)
    link = Link("xorbs/ab/c", 5, 9)
    signed = service.sign_link(link)

    assert service.open_link(signed) == link
    with pytest.raises(BadSignature):
        service.open_link(signed[:-1] + ("A" if signed[-1] != "A" else "B"))
    clock.now += 3601
    with pytest.raises(BadSignature, match="expired"):
        service.open_link(signed)
