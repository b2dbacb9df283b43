"""What a push asks for and how it is answered. Bytes in, values out.

Source: git, Documentation/gitprotocol-pack.txt, "Pushing Data To a Server" and "Report Status".
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wingman import __version__
from wingman.hub.errors import Invalid
from wingman.hub.git.objects import ZERO_OID
from wingman.hub.git.revisions import MAIN, check_ref_name
from wingman.hub.git.store import Ref
from wingman.hub.git.wire.pktline import (
    BAND_DATA,
    BAND_PROGRESS,
    FLUSH,
    MalformedPkt,
    on_band,
    pkt,
    read_pkt,
)

CAPABILITIES = (
    "report-status delete-refs side-band-64k quiet atomic ofs-delta push-options object-format=sha1 "
    f"agent=wingman/{__version__}"
)
MAX_HEAD_BYTES = 4 << 20
_COMMAND = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) ([^\0\n]+)\n?\Z")
_PULL_REQUEST = re.compile(r"refs/pr/[1-9]\d*\Z")


@dataclass(frozen=True, slots=True)
class Command:
    """Move `ref` from `old` (None: it does not exist) to `new` (None: delete it)."""

    old: str | None
    new: str | None
    ref: str


@dataclass(frozen=True, slots=True)
class PushRequest:
    commands: tuple[Command, ...]
    capabilities: frozenset[str] = frozenset()

    @property
    def has_pack(self) -> bool:
        """Deletions alone come without one."""
        return any(command.new for command in self.commands)

    @property
    def is_atomic(self) -> bool:
        return "atomic" in self.capabilities


@dataclass
class PushHead:
    """Reads the beginning of a push as it comes in; `rest` is what came of the pack with it."""

    _waiting: bytearray = field(default_factory=bytearray)
    _position: int = 0
    _commands: list[Command] = field(default_factory=list)
    _capabilities: frozenset[str] = frozenset()
    _has_commands: bool = False

    @property
    def rest(self) -> bytes:
        return bytes(self._waiting[self._position :])

    def feed(self, data: bytes) -> PushRequest | None:
        """The request once it is complete. Raises `MalformedPkt`."""
        self._waiting += data
        while (line := read_pkt(self._waiting, self._position)) is not None:
            payload, self._position = line
            if payload is not None:
                if not self._has_commands:
                    self._add(payload)
            elif self._has_commands or "push-options" not in self._capabilities:
                return PushRequest(tuple(self._commands), self._capabilities)
            else:
                # A second list follows, of options; none of them means anything to this Hub.
                self._has_commands = True
        if len(self._waiting) > MAX_HEAD_BYTES:
            raise MalformedPkt("The push names too many references at once.")
        return None

    def _add(self, payload: bytes) -> None:
        if payload.startswith(b"shallow "):
            # From a shallow clone. Whatever the client lacks, we have, or the check for completeness fails.
            return
        line, _, capabilities = payload.partition(b"\0")
        match = _COMMAND.match(line)
        if match is None:
            raise MalformedPkt(f"{payload[:100]!r} is not a command of a push.")
        if capabilities:
            self._capabilities = frozenset(capabilities.decode("utf-8", "replace").split())
        old, new = match[1].decode(), match[2].decode()
        name = match[3].decode("utf-8", "surrogateescape")
        self._commands.append(
            Command(None if old == ZERO_OID else old, None if new == ZERO_OID else new, name)
        )


def advertise(refs: Sequence[Ref]) -> bytes:
    """The answer to `info/refs?service=git-receive-pack`."""
    lines = [f"{ref.oid} {ref.name}" for ref in refs] or [f"{ZERO_OID} capabilities^{{}}"]
    lines[0] += f"\0{CAPABILITIES}"
    encoded = (pkt(f"{line}\n".encode("utf-8", "surrogateescape")) for line in lines)
    return b"".join([pkt(b"# service=git-receive-pack\n"), FLUSH, *encoded, FLUSH])


def refusals(commands: Iterable[Command], refs: Mapping[str, Ref]) -> dict[str, str]:
    """For each reference that may not be moved so, why; `refs` are those that exist."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for command in commands:
        reason = "named twice in one push" if command.ref in seen else _refusal(command, refs)
        seen.add(command.ref)
        if reason:
            found[command.ref] = reason
    return found


def _refusal(command: Command, refs: Mapping[str, Ref]) -> str | None:
    known = refs.get(command.ref)
    if command.old != (known.oid if known else None):
        return "somebody else changed it in the meantime, fetch first"
    if _PULL_REQUEST.match(command.ref):
        return (
            None if known and command.new else "pull requests are opened and closed on the Hub, not by a push"
        )
    if not command.ref.startswith(("refs/heads/", "refs/tags/")):
        return "only branches, tags and open pull requests can be pushed"
    if command.new is None:
        return "the branch main cannot be deleted" if command.ref == MAIN else None
    try:
        check_ref_name(command.ref.encode().decode().split("/", 2)[2])
    except (Invalid, UnicodeEncodeError):
        return "this name is not allowed"
    if known is None and (clash := _clash(command.ref, refs)):
        return f"it cannot exist beside {clash}"
    return None


def _clash(name: str, refs: Mapping[str, Ref]) -> str | None:
    """Git keeps references as files in clones, so that `a` and `a/b` exclude each other."""
    parents = (name.rsplit("/", depth)[0] for depth in range(1, name.count("/") - 1))
    parent = next((parent for parent in parents if parent in refs), None)
    return parent or next((other for other in refs if other.startswith(f"{name}/")), None)


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """`problems` holds, for each command in turn, its reference and why it failed (None: done)."""

    unpack: str
    problems: tuple[tuple[str, str | None], ...]
    messages: tuple[str, ...] = ()
    """Shown to the person at the other end, each behind "remote:"."""


def report(outcome: PushOutcome, capabilities: frozenset[str]) -> Iterator[bytes]:
    """The body of the answer to a push."""
    banded = "side-band-64k" in capabilities
    if banded and outcome.messages:
        text = "".join(f"{line}\n" for message in outcome.messages for line in message.splitlines())
        yield from on_band(BAND_PROGRESS, text.encode("utf-8", "replace"))
    if "report-status" in capabilities:
        lines = [f"unpack {outcome.unpack}"]
        lines += [f"ng {ref} {problem}" if problem else f"ok {ref}" for ref, problem in outcome.problems]
        status = b"".join(
            pkt(f"{' '.join(line.splitlines())}\n".encode("utf-8", "surrogateescape")) for line in lines
        )
        yield from on_band(BAND_DATA, status + FLUSH) if banded else (status + FLUSH,)
    if banded:
        yield FLUSH
