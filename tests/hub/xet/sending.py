"""What a client does with the CAS, through the services: send xorbs, then a shard."""

from collections.abc import Iterable

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.xet.chunk_tables import ChunkTable
from wingman.hub.xet.model import Grant
from wingman.hub.xet.registration import Progress
from wingman.hub.xet.shards import ShardFile, serialize_upload
from wingman.hub.xet.xorbs import PackedXorb


def make_repo(hub: Hub, caller: Caller, name: str = "model", **options: bool) -> Repo:
    return hub.repos.create(caller, kind=RepoKind.MODEL, name=name, **options)


def writer(hub: Hub, caller: Caller, repo: Repo) -> Grant:
    """What a write token for `repo` allows `caller`."""
    connection = hub.xet.connect(caller, repo, may_write=True)
    return hub.xet.grant_for(connection.token, connection.tenant, write=True)


def send_xorb(
    hub: Hub, grant: Grant, xorb: PackedXorb, *, body: bytes | None = None, step: int = 50_000
) -> bool:
    """Send a xorb in pieces of `step` bytes, or `body` in its name; whether it was new to the tenant."""
    data = bytes(xorb.body) if body is None else body
    upload = hub.xet.receive_xorb(grant, xorb.hash)
    try:
        for start in range(0, len(data), step):
            upload.write(data[start : start + step])
        return upload.finish()
    finally:
        upload.abort()


def send_shard(
    hub: Hub, grant: Grant, files: Iterable[ShardFile], xorbs: Iterable[tuple[bytes, ChunkTable]] = ()
) -> bool:
    return hub.shards.register(grant, serialize_upload(files, xorbs), Progress())


def stored_keys(hub: Hub) -> list[str]:
    """Everything in the object store that uploads put there, finished or not."""
    return sorted(
        key for prefix in ("xorbs/", "lfs/", "uploads/", "incoming") for key in hub.blobs.keys(prefix)
    )
