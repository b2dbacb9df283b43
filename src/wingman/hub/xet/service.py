"""The use cases of the CAS: access, xorbs, what clients may deduplicate against, and how files are rebuilt."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from wingman.hub.access.model import Caller
from wingman.hub.accounts.model import NamespaceId
from wingman.hub.blobs.room import require_room
from wingman.hub.blobs.store import Blobs
from wingman.hub.database import now
from wingman.hub.errors import Forbidden, NotFound, RangeNotSatisfiable, Unauthorized
from wingman.hub.repos.model import Repo, RepoId
from wingman.hub.signing.service import BadSignature, Signer
from wingman.hub.store import Store
from wingman.hub.xet.hashes import to_text
from wingman.hub.xet.model import Grant, NewXorb, StoredXorb
from wingman.hub.xet.neighbours import find_neighbours
from wingman.hub.xet.receiving import XorbReceiver, new_blob_key
from wingman.hub.xet.reconstruction import Reconstruction, cover, reconstruct
from wingman.hub.xet.shards import serialize_dedup_answer
from wingman.hub.xet.xorbs import MAX_XORB_BYTES

TOKEN_SECONDS = 3600
"""A token outlives the right that it was given for. Clients renew it by themselves, so that it can be short."""

TOKEN_SLACK_SECONDS = 1800
"""Clients renew by the clock and take a refusal as final: a request that began in time may end late."""

DATA_LINK_SECONDS = 3600
"""Clients fetch a new plan when a link has expired, so that links can be short-lived."""

DEDUP_KEY_SECONDS = 24 * 3600


class FileNotHere(NotFound):
    """The repository that a token is for has no file with this Xet hash."""

    def __init__(self, file_hash: bytes) -> None:
        super().__init__(f"This repository has no file with the Xet hash {to_text(file_hash)}.")
        self.file_hash = file_hash


@dataclass(frozen=True, slots=True)
class Connection:
    """What a client needs to speak to the CAS. `expires_at` is in Unix seconds."""

    epoch: int
    tenant: NamespaceId
    token: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Link:
    """Permission to read some bytes `start:end` of one object, as a signed link carries it."""

    blob_key: str
    start: int
    end: int


class XetService:
    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        signer: Signer,
        *,
        min_free_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._signer = signer
        self._min_free_bytes = min_free_bytes
        self._clock = clock

    def connect(
        self, caller: Caller, repo: Repo, *, may_write: bool, may_read: bool = True
    ) -> Connection:
        """Access to the CAS for one repository. The caller's right to it was checked before."""
        tenant = tenant_of(caller, repo)
        expires_at = int(self._clock()) + TOKEN_SECONDS
        claims = {"r": repo.id, "t": tenant, "w": may_write, "c": may_read}
        token = self._signer.sign("xet", claims, expires_at=expires_at + TOKEN_SLACK_SECONDS)
        with self._store.read() as tx:
            return Connection(tx.chunks.epoch(), tenant, token, expires_at)

    def place_of(self, caller: Caller, repo: Repo) -> str:
        """The path of the CAS through which this caller reads the repository."""
        with self._store.read() as tx:
            return path_of(tx.chunks.epoch(), tenant_of(caller, repo))

    def grant_for(self, token: str | None, tenant: int, *, write: bool) -> Grant:
        """What the holder of `token` may do below a tenant's address. Raises `Unauthorized`, `Forbidden`."""
        if not token:
            raise Unauthorized("This address needs a Xet token.")
        try:
            claims = self._signer.verify("xet", token)
        except BadSignature as error:
            raise Unauthorized(str(error)) from error
        grant = Grant(
            repo_id=RepoId(claims["r"]),
            tenant=NamespaceId(claims["t"]),
            may_write=claims["w"],
            may_read=claims.get("c", not claims["w"]),  # tokens from before do not say
        )
        if grant.tenant != tenant:
            raise Forbidden("This Xet token belongs to another address.")
        if write and not grant.may_write:
            raise Forbidden("This Xet token only allows reading.")
        return grant

    def has_xorb(self, grant: Grant, xorb: bytes) -> bool:
        """Whether the tenant need not send this xorb again; if so, it counts as used now."""
        with self._store.read() as tx:
            if not tx.chunks.owned(grant.tenant, [xorb]):
                return False
        with self._store.write() as tx:
            return tx.chunks.touch(grant.tenant, [xorb], at=now()) == 1

    def require_room(self) -> None:
        """Raises `StoreFull` where not even one more xorb fits.

        For before an upload begins: told so in the middle of one, clients try again for minutes, and never show why.
        """
        require_room(self._blobs, MAX_XORB_BYTES, min_free_bytes=self._min_free_bytes)

    def receive_xorb(self, grant: Grant, xorb: bytes) -> "XorbUpload":
        """Where to send the body of a xorb. Raises `StoreFull`."""
        with self._store.read() as tx:
            known = tx.chunks.xorbs([xorb]).get(xorb)
        if known is not None:
            # Its bytes are here, but this sender has to show that it has them too.
            return XorbUpload(self._store, self._blobs, grant, XorbReceiver(xorb, known.blob_key, None))
        self.require_room()
        key = new_blob_key(xorb)
        receiver = XorbReceiver(xorb, key, self._blobs.open_writer(key))
        return XorbUpload(self._store, self._blobs, grant, receiver)

    def dedup_answer(self, grant: Grant, chunk: bytes) -> bytes | None:
        """A shard that describes the xorb with this chunk, and others of the file that it was last seen in.

        None if there is none in the tenant's store, or for those who only read: what a namespace holds is not
        for every visitor of a public repository to find out.
        """
        if not grant.may_write:
            return None
        with self._store.read() as tx:
            near = find_neighbours(tx.chunks, grant.tenant, chunk)
        if not near:
            return None
        moment = int(self._clock())
        key, expires_at = self._dedup_key(grant.tenant, moment)
        return serialize_dedup_answer(near.items(), key=key, created_at=moment, expires_at=expires_at)

    def _dedup_key(self, tenant: NamespaceId, moment: int) -> tuple[bytes, int]:
        """The key of the current period, and when the answers made with it end.

        One for many answers: clients hash each of their chunks with every key that they were given.
        """
        period = moment // DEDUP_KEY_SECONDS
        return self._signer.derive(f"xet dedup {tenant} {period}"), (period + 2) * DEDUP_KEY_SECONDS

    def reconstruction(
        self, grant: Grant, file_hash: bytes, start: int = 0, end: int | None = None
    ) -> tuple[Reconstruction, dict[bytes, StoredXorb]]:
        """How to rebuild bytes `start:end` of a file of the token's repository, and where its xorbs lie.

        Raises `FileNotHere`, `RangeNotSatisfiable`, `Forbidden`.
        """
        if not grant.may_read:
            raise Forbidden("This Xet token only allows uploading: the repository is gated.")
        with self._store.read() as tx:
            in_repo = tx.files.by_xet_hash(grant.repo_id, to_text(file_hash))
            file = tx.chunks.file(file_hash) if in_repo else None
            if file is None:
                raise FileNotHere(file_hash)
            if start >= file.size:
                raise RangeNotSatisfiable(file.size)
            stretches = cover(file.terms, start, end)
            wanted = {stretch.term.xorb for stretch in stretches}
            return reconstruct(stretches, tx.chunks.offsets(wanted)), dict(tx.chunks.xorbs(wanted))

    def sign_link(self, link: Link) -> str:
        expires_at = int(self._clock()) + DATA_LINK_SECONDS
        claims = {"k": link.blob_key, "b": [link.start, link.end]}
        return self._signer.sign("xet-data", claims, expires_at=expires_at)

    def open_link(self, signed: str) -> Link:
        """Raises `BadSignature`, also when it has expired."""
        claims = self._signer.verify("xet-data", signed)
        return Link(claims["k"], *claims["b"])

    def start_epoch(self) -> int:
        """After xorbs were dropped, or an older backup restored: make clients forget what they know of us."""
        with self._store.write() as tx:
            return tx.chunks.start_epoch(at=now())


class XorbUpload:
    """A xorb on its way into a tenant's store; a `Sink` whose result says whether it is new to the tenant."""

    def __init__(self, store: Store, blobs: Blobs, grant: Grant, receiver: XorbReceiver) -> None:
        self._store = store
        self._blobs = blobs
        self._grant = grant
        self._receiver = receiver

    def write(self, data: bytes) -> None:
        self._receiver.write(data)

    def finish(self) -> bool:
        xorb = self._receiver.finish()
        with self._store.write() as tx:
            kept = tx.chunks.add_xorb(xorb, at=now())
            is_new = not tx.chunks.owned(self._grant.tenant, [xorb.hash])
            tx.chunks.own(self._grant.tenant, xorb.hash, at=now())
            tx.chunks.index_chunks(self._grant.tenant, _candidates(xorb))
        if kept.blob_key != xorb.blob_key:
            self._blobs.delete(xorb.blob_key)
        return is_new

    def abort(self) -> None:
        self._receiver.abort()


def path_of(epoch: int, tenant: NamespaceId) -> str:
    """A new epoch is a new address, so that clients forget which chunks they knew to be here."""
    return f"/xet/{epoch}/{tenant}"


def tenant_of(caller: Caller, repo: Repo) -> NamespaceId:
    """Within which namespace this caller's chunks for `repo` are shared.

    Members share what their namespace holds. A stranger who offers a pull request must neither learn which
    chunks the namespace has nor refer to them, and so works within a space of their own.
    """
    if caller.user is None or caller.user.is_admin or caller.role_in(repo.namespace_id) is not None:
        return repo.namespace_id
    return caller.user.id


def _candidates(xorb: NewXorb) -> list[tuple[bytes, bytes]]:
    table = xorb.table
    return [(table.hashes_of(index, index + 1), xorb.hash) for index in table.dedup_candidates()]
