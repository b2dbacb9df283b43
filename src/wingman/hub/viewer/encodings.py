"""Text of any common encoding as UTF-8, piece by piece: spreadsheets still write UTF-16 and Windows-1252."""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def in_utf8(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same text without a byte order mark. What is not UTF-8 is read as Windows-1252, each piece from there on.

    >>> b"".join(in_utf8([b"\xef\xbb\xbfa,b", b"\ncaf\xe9,1"])).decode()
    'a,b\\ncafé,1'
    """
    pieces = iter(pieces)
    first = next(pieces, b"")
    mark, encoding = next(((mark, name) for mark, name in _MARKS if first.startswith(mark)), (b"", "utf-8"))
    decoder = codecs.getincrementaldecoder(encoding)("strict" if encoding == "utf-8" else "replace")
    for piece in chain([first[len(mark) :]], pieces):
        try:
            text = decoder.decode(piece)
        except UnicodeDecodeError:
            # The bytes of a character that a piece was cut in were kept back; they are part of this one.
            pending = decoder.getstate()[0]
            decoder = codecs.getincrementaldecoder("cp1252")("replace")
            text = decoder.decode(pending + piece)
        yield text.encode()
    try:
        rest = decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        rest = decoder.getstate()[0].decode("cp1252", "replace")
    yield rest.encode()
