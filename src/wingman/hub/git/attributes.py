"""`.gitattributes`: which paths git keeps as pointers to large files.

Covers the patterns that people write for LFS (gitattributes(5), gitignore(5) globbing): `*`, `?`, `[…]`,
`**`, anchoring by a slash, last match wins. Macros and negated attributes of other kinds are passed over.
"""

import re
from functools import lru_cache

_BINARY = [
    "*.7z",
    "*.arrow",
    "*.bin",
    "*.bz2",
    "*.ckpt",
    "*.ftz",
    "*.gz",
    "*.h5",
    "*.joblib",
    "*.lfs.*",
    "*.mlmodel",
    "*.model",
    "*.msgpack",
    "*.npy",
    "*.npz",
    "*.onnx",
    "*.ot",
    "*.parquet",
    "*.pb",
    "*.pickle",
    "*.pkl",
    "*.pt",
    "*.pth",
    "*.rar",
    "*.safetensors",
    "saved_model/**/*",
    "*.tar.*",
    "*.tar",
    "*.tflite",
    "*.tgz",
    "*.wasm",
    "*.xz",
    "*.zip",
    "*.zst",
    "*tfevents*",
]
_MEDIA = [
    "*.lz4",
    "*.mds",
    "*.pcm",
    "*.sam",
    "*.raw",
    "*.aac",
    "*.flac",
    "*.mp3",
    "*.ogg",
    "*.wav",
    "*.bmp",
    "*.gif",
    "*.png",
    "*.tiff",
    "*.jpg",
    "*.jpeg",
    "*.webp",
    "*.mp4",
    "*.webm",
]


def default_attributes(*, with_media: bool) -> bytes:
    """The `.gitattributes` of a new repository; data sets also keep images, sound and film as large files."""
    patterns = _BINARY + (_MEDIA if with_media else [])
    return "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in patterns).encode()


@lru_cache(maxsize=256)
def parse_attributes(text: bytes) -> "Attributes":
    rules = []
    for line in text.decode("utf-8", "replace").splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith("#"):
            continue
        for word in words[1:]:
            if word == "filter=lfs":
                rules.append((_compile(words[0]), True))
            elif word in ("-filter", "!filter") or word.startswith("filter="):
                rules.append((_compile(words[0]), False))
    return Attributes(tuple(rules))


class Attributes:
    """Parsed rules; ask `is_lfs`."""

    def __init__(self, rules: tuple[tuple[re.Pattern[str], bool], ...]) -> None:
        self._rules = rules

    def is_lfs(self, path: str) -> bool:
        return next((lfs for pattern, lfs in reversed(self._rules) if pattern.match(path)), False)


def _compile(pattern: str) -> re.Pattern[str]:
    anchored = "/" in pattern.rstrip("/")
    body = glob_to_regex(pattern.lstrip("/"))
    return re.compile(body + r"\Z" if anchored else r"(?:.*/)?" + body + r"\Z", re.DOTALL)


def glob_to_regex(glob: str) -> str:
    """A git glob as a regular expression without anchors.

    >>> glob_to_regex("a/**/*.bin")
    'a/(?:.*/)?[^/]*\\\\.bin'
    """
    out, rest = [], glob
    while rest:
        if rest.startswith("**/"):
            out.append("(?:.*/)?")
            rest = rest[3:]
        elif rest.startswith("**"):
            out.append(".*")
            rest = rest[2:]
        elif rest[0] == "*":
            out.append("[^/]*")
            rest = rest[1:]
        elif rest[0] == "?":
            out.append("[^/]")
            rest = rest[1:]
        elif rest[0] == "[" and (end := rest.find("]", 2)) > 0:
            inside = rest[1:end].replace("\\", r"\\")
            out.append(f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]")
            rest = rest[end + 1 :]
        else:
            out.append(re.escape(rest[0]))
            rest = rest[1:]
    return "".join(out)
