"""The bytes of a push: its commands, its answer, and which of them are refused before anything is looked at."""

import pytest

from wingman.hub.git.store import Ref
from wingman.hub.git.wire.commands import (
    Command,
    PushHead,
    PushOutcome,
    PushRequest,
    advertise,
    refusals,
    report,
)
from wingman.hub.git.wire.pktline import FLUSH, MAX_PAYLOAD_BYTES, MalformedPkt, on_band, pkt, read_pkt

ZERO, OLD, NEW = "0" * 40, "a" * 40, "b" * 40
MAIN = Ref("refs/heads/main", OLD, OLD)


def head_of(*lines: bytes, options: tuple[bytes, ...] | None = None) -> bytes:
    second = b"" if options is None else b"".join(map(pkt, options)) + FLUSH
    return b"".join(map(pkt, lines)) + FLUSH + second


def command_line(old: str, new: str, ref: str, capabilities: str = "") -> bytes:
    return f"{old} {new} {ref}".encode() + (f"\0{capabilities}".encode() if capabilities else b"")


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_a_head_is_read_however_it_is_cut_and_leaves_the_pack_alone(step):
    data = head_of(
        b"shallow " + OLD.encode(),
        command_line(ZERO, NEW, "refs/heads/naïve", " report-status atomic push-options"),
        command_line(OLD, ZERO, "refs/tags/v1"),
        options=(b"ci.skip",),
    )
    head, wanted, rest = PushHead(), None, b""
    for start in range(0, len(data + b"PACK..."), step):
        piece = (data + b"PACK...")[start : start + step]
        if wanted is None:
            wanted = head.feed(piece)
            rest = head.rest if wanted else b""
        else:
            rest += piece

    assert wanted == PushRequest(
        (Command(None, NEW, "refs/heads/naïve"), Command(OLD, None, "refs/tags/v1")),
        frozenset({"report-status", "atomic", "push-options"}),
    )
    assert wanted.has_pack
    assert wanted.is_atomic
    assert rest == b"PACK..."


def test_a_flush_alone_is_a_question_about_credentials():
    assert PushHead().feed(FLUSH) == PushRequest(())


@pytest.mark.parametrize(
    "data",
    [b"zzzz", b"0001", b"0003", head_of(b"hello"), head_of(b"x" * 40 + b" " + b"y" * 40 + b" refs/heads/a")],
)
def test_bytes_that_are_no_push_are_refused(data):
    with pytest.raises(MalformedPkt):
        PushHead().feed(data)


def test_a_head_without_end_is_not_kept():
    head = PushHead()
    line = pkt(command_line(ZERO, NEW, "refs/heads/" + "x" * 60_000))

    with pytest.raises(MalformedPkt, match="too many references"):
        for _ in range(100):
            head.feed(line)


def test_an_empty_repository_advertises_its_capabilities_alone():
    line = advertise([]).split(b"\n")[1]

    assert line.startswith(b"0000" + b"%04x" % (len(line) - 4 + 1) + f"{ZERO} capabilities^{{}}\0".encode())
    assert advertise([MAIN]).count(b"report-status") == 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Command(OLD, NEW, "refs/heads/main"), None),
        (Command(None, NEW, "refs/heads/main"), "somebody else changed it"),
        (Command(NEW, OLD, "refs/heads/main"), "somebody else changed it"),
        (Command(OLD, None, "refs/heads/main"), "cannot be deleted"),
        (Command(None, NEW, "refs/heads/feature/a"), None),
        (Command(None, NEW, "refs/heads/main/a"), "cannot exist beside refs/heads/main"),
        (Command(None, NEW, "refs/tags/deep"), "cannot exist beside refs/tags/deep/v1"),
        (Command(None, NEW, "refs/heads/a..b"), "not allowed"),
        (Command(None, NEW, "refs/heads/\udcff"), "not allowed"),
        (Command(None, NEW, "refs/heads/"), "not allowed"),
        (Command(None, NEW, f"refs/heads/{OLD}"), "not allowed"),
        (Command(NEW, OLD, "refs/pr/1"), None),
        (Command(NEW, None, "refs/pr/1"), "not by a push"),
        (Command(None, NEW, "refs/pr/2"), "not by a push"),
        (Command(None, NEW, "refs/notes/commits"), "only branches, tags"),
        (Command(None, NEW, "HEAD"), "only branches, tags"),
    ],
)
def test_references_move_by_the_rules(command, reason):
    refs = [MAIN, Ref("refs/pr/1", NEW, NEW), Ref("refs/tags/deep/v1", OLD, OLD)]

    refused = refusals([command], {ref.name: ref for ref in refs})

    if reason is None:
        assert refused == {}
    else:
        assert reason in refused[command.ref]


def test_a_reference_named_twice_is_refused():
    command = Command(OLD, NEW, "refs/heads/main")

    assert "twice" in refusals([command, command], {MAIN.name: MAIN})["refs/heads/main"]


def test_the_report_stays_in_its_band_and_on_its_lines():
    outcome = PushOutcome("ok", (("refs/heads/main", None), ("refs/heads/x", "no\nway")), ("Look\nhere",))

    answer = b"".join(report(outcome, frozenset({"report-status", "side-band-64k"})))

    assert answer == (
        pkt(b"\x02Look\nhere\n")
        + pkt(
            b"\x01"
            + pkt(b"unpack ok\n")
            + pkt(b"ok refs/heads/main\n")
            + pkt(b"ng refs/heads/x no way\n")
            + FLUSH
        )
        + FLUSH
    )
    assert b"".join(report(outcome, frozenset({"report-status"}))).startswith(pkt(b"unpack ok\n"))
    assert b"".join(report(outcome, frozenset())) == b""


def test_long_messages_are_cut_into_lines_that_fit():
    pieces = list(on_band(2, b"x" * 200_000))

    payloads = [read_pkt(piece, 0)[0] for piece in pieces]
    assert all(len(payload) <= MAX_PAYLOAD_BYTES for payload in payloads)
    assert b"".join(payload[1:] for payload in payloads) == b"x" * 200_000
