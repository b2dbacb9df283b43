"""LFS objects are kept only if they are what was announced, and belong to whoever showed all of their bytes."""

import hashlib

import pytest

from tests.hub.xet.sending import make_repo, stored_keys
from wingman.hub.blobs.store import StoreFull
from wingman.hub.errors import Forbidden, Invalid, TooLarge
from wingman.hub.lfs.model import LockExists, ObjectDiffers, ObjectMissing, ObjectSpec
from wingman.hub.lfs.service import LfsService
from wingman.hub.signing.service import BadSignature

DATA = b"weights " * 40_000
SPEC = ObjectSpec(hashlib.sha256(DATA).hexdigest(), len(DATA))


@pytest.fixture
def repo(hub, alice):
    return make_repo(hub, alice)


def service(hub, **options) -> LfsService:
    defaults = {"max_file_bytes": 1 << 40, "min_free_bytes": 0, "link_seconds": 600}
    return LfsService(hub.store, hub.blobs, hub.signer, **(defaults | options))


def send(lfs: LfsService, repo, data: bytes = DATA, spec: ObjectSpec = SPEC) -> None:
    _, signed = lfs.sign_upload(repo, spec)
    upload = lfs.receive(lfs.open_upload_ticket(signed))
    try:
        upload.write(data)
        upload.finish()
    finally:
        upload.abort()


def send_part(lfs: LfsService, ticket, number: int, data: bytes) -> str:
    upload = lfs.receive_part(ticket, number)
    upload.write(data)
    return upload.finish()


def test_an_object_that_came_whole_is_in_the_repository(hub, repo):
    lfs = service(hub)

    send(lfs, repo)

    lfs.verify(repo.id, SPEC)
    assert hub.read_large_file(lfs.object(repo.id, SPEC.sha256), 0, len(DATA)) == DATA
    assert [plan.is_stored for plan in lfs.plan_uploads(repo, [SPEC])] == [True]


@pytest.mark.parametrize("data", [DATA[:-1] + b"?", DATA[:-1], DATA + b"?", b""])
def test_what_is_not_the_announced_object_is_not_kept(hub, repo, data):
    lfs = service(hub)

    with pytest.raises(ObjectDiffers):
        send(lfs, repo, data)

    assert stored_keys(hub) == []
    with pytest.raises(ObjectMissing):
        lfs.object(repo.id, SPEC.sha256)


def test_knowing_a_sha256_gives_nobody_the_file(hub, alice, bob, repo):
    lfs, others = service(hub), make_repo(hub, bob)
    send(lfs, repo)

    with pytest.raises(ObjectMissing):
        lfs.object(others.id, SPEC.sha256)
    assert [plan.is_stored for plan in lfs.plan_uploads(others, [SPEC])] == [False]
    with pytest.raises(ObjectDiffers):
        send(lfs, others, b"x" * len(DATA))
    send(lfs, others)
    assert len(stored_keys(hub)) == 1
    lfs.verify(others.id, SPEC)


def test_verifying_another_size_fails(hub, repo):
    lfs = service(hub)
    send(lfs, repo)

    with pytest.raises(ObjectDiffers):
        lfs.verify(repo.id, ObjectSpec(SPEC.sha256, SPEC.size + 1))


def test_files_over_the_limit_are_refused_before_they_are_sent(hub, repo):
    lfs = service(hub, max_file_bytes=len(DATA) - 1)

    (plan,) = lfs.plan_uploads(repo, [SPEC])

    assert isinstance(plan.problem, TooLarge)
    with pytest.raises(TooLarge):
        send(lfs, repo)


def test_a_store_without_room_refuses_before_the_first_byte(hub, repo):
    lfs = service(hub, min_free_bytes=1 << 60)

    (plan,) = lfs.plan_uploads(repo, [SPEC])

    assert isinstance(plan.problem, StoreFull)
    with pytest.raises(StoreFull):
        send(lfs, repo)


def test_a_link_for_uploading_does_not_open_downloads(hub, repo):
    lfs = service(hub)
    _, signed = lfs.sign_upload(repo, SPEC)

    with pytest.raises(BadSignature):
        lfs.open_download_ticket(signed)


def test_an_object_in_parts_becomes_one_and_the_parts_go(hub, repo):
    lfs = service(hub, min_part_bytes=100_000)
    ticket, _ = lfs.sign_upload(repo, SPEC, in_parts=True)

    tags = [
        (number, send_part(lfs, ticket, number, DATA[(number - 1) * 100_000 : number * 100_000]))
        for number in range(ticket.num_parts, 0, -1)
    ]
    lfs.complete(ticket, tags)

    assert ticket.num_parts == 4
    assert hub.read_large_file(lfs.object(repo.id, SPEC.sha256), 0, len(DATA)) == DATA
    assert [key for key in stored_keys(hub) if key.startswith("uploads/")] == []


def test_a_part_that_was_sent_again_counts_as_its_sender_says(hub, repo):
    lfs = service(hub, min_part_bytes=200_000)
    ticket, _ = lfs.sign_upload(repo, SPEC, in_parts=True)
    wrong = send_part(lfs, ticket, 1, b"x" * 200_000)
    right = send_part(lfs, ticket, 1, DATA[:200_000])
    last = send_part(lfs, ticket, 2, DATA[200_000:])

    with pytest.raises(ObjectDiffers):
        lfs.complete(ticket, [(1, wrong), (2, last)])
    lfs.complete(ticket, [(1, right), (2, last)])

    lfs.verify(repo.id, SPEC)


@pytest.mark.parametrize(
    "parts", [[], [(1, "0" * 32)], [(1, "0" * 32), (2, "0" * 32)], [(1, "../x"), (2, "y")]]
)
def test_parts_that_were_not_sent_cannot_be_completed(hub, repo, parts):
    lfs = service(hub, min_part_bytes=200_000)
    ticket, _ = lfs.sign_upload(repo, SPEC, in_parts=True)

    with pytest.raises(Invalid):
        lfs.complete(ticket, parts)


def test_parts_that_nobody_completes_go_after_their_links(hub, repo):
    now = [1_800_000_000.0]
    lfs = service(hub, min_part_bytes=200_000, clock=lambda: now[0])
    ticket, _ = lfs.sign_upload(repo, SPEC, in_parts=True)
    send_part(lfs, ticket, 1, DATA[:200_000])

    assert lfs.drop_abandoned_parts() == 0
    now[0] += 600 + 25 * 3600
    assert lfs.drop_abandoned_parts() == 1
    assert stored_keys(hub) == []


def test_a_path_is_locked_by_one_person_at_a_time(hub, alice, bob, repo):
    lfs = service(hub)
    lock = lfs.lock(alice, repo, "model.bin")

    with pytest.raises(LockExists) as refusal:
        lfs.lock(bob, repo, "model.bin")
    with pytest.raises(Forbidden):
        lfs.unlock(bob, repo, lock.id, force=False)
    lfs.unlock(alice, repo, lock.id, force=False)

    assert refusal.value.lock == lock
    assert lfs.lock(bob, repo, "model.bin").owner == "bob"


def test_a_lock_can_be_broken_by_force(hub, alice, bob, repo):
    lfs = service(hub)
    lock = lfs.lock(alice, repo, "model.bin")

    lfs.unlock(bob, repo, lock.id, force=True)

    assert lfs.locks(repo, path=None, after=None, limit=10) == []


def test_files_are_copied_between_repositories_and_forgotten(hub, alice, repo):
    lfs, target = service(hub), make_repo(hub, alice, "target")
    send(lfs, repo)

    missing = lfs.copy(repo, target, [SPEC.sha256, "f" * 64])
    lfs.forget(repo, [SPEC.sha256])

    assert missing == ["f" * 64]
    lfs.verify(target.id, SPEC)
    assert lfs.list_files(repo, after=None, limit=10) == []
