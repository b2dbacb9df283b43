"""Decoding text files: UTF-8 unless the file or the person says otherwise; never a silent guess."""

import codecs
from pathlib import Path

from wingman.lab.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# How files begin that are no text, whatever their name says; each with what it is and what to do.
_NOT_TEXT = (
    (b"PAR1", "a Parquet file", "Give it the ending .parquet."),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "Unpack it, or save the sheet as “CSV UTF-8”."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as “CSV UTF-8”."),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it first: gunzip."),
    (b"%PDF", "a PDF document", "Save the data as a table, e.g. CSV."),
)


def decode_file(path: Path, encoding: str | None) -> str:
    """The text of a file, newlines as they are.

    Raises `DataError` naming the line, the byte, and the encodings that would fit.
    """
    content = path.read_bytes()
    for mark, kind, way_out in _NOT_TEXT:
        if content.startswith(mark):
            raise DataError(f"{path.name} is not text but {kind}, by its first bytes. {way_out}")
    chosen = encoding or next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(chosen)
    except LookupError as error:
        raise DataError(
            f"{encoding!r} is not an encoding this Python knows; try utf-8, cp1252, latin-1 or utf-16."
        ) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fits = [name for name in ("cp1252", "cp1251", "shift_jis", "gb18030") if _decodes(content, name)]
        around = content[max(0, error.start - 20) : error.end + 20].decode(
            fits[0] if fits else "latin-1", "replace"
        )
        advice = (
            f"If that reads right in one of {', '.join(fits)}, run again with --encoding {fits[0]}."
            if fits
            else "Save it as UTF-8."
        )
        raise DataError(
            f"{path.name} is not {chosen.upper()} text: byte 0x{content[error.start]:02X} on line "
            f"{line} (near {around.strip()!r}{f' as {fits[0]}' if fits else ''}). {advice}"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"{path.name} has a zero byte on line {line}: it is a binary file or UTF-16 without its "
            "mark. Save it as UTF-8 text."
        )
    if not text.strip():
        raise DataError(f"{path.name} holds nothing but blank space. Was it saved or exported to the end?")
    return text


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
