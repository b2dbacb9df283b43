"""`.gitattributes`: which paths git keeps as pointers to large files.

Covers the patterns that people write for LFS (gitattributes(5), gitignore(5) globbing): `*`, `?`, `[…]`,
`**`, anchoring by a slash, last match wins. Macros and negated attributes of other kinds are passed over.
"""

from functools import lru_cache

from wingman.hub.git.globs import MAX_RULES, Glob, TooManyRules

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
    """Raises `TooManyRules`."""
    rules: list[tuple[Glob, bool]] = []
    for line in text.decode("utf-8", "replace").splitlines():
        words = line.split()
        # Unlike in .gitignore, a pattern for a folder says nothing of the files in it.
        if len(words) < 2 or words[0].startswith("#") or words[0].endswith("/"):
            continue
        filters = [word for word in words[1:] if word in ("-filter", "!filter") or word.startswith("filter=")]
        if filters:
            if len(rules) == MAX_RULES:
                raise TooManyRules(".gitattributes")
            rules.append((Glob(words[0]), filters[-1] == "filter=lfs"))
    return Attributes(tuple(rules))


class Attributes:
    """Parsed rules; ask `is_lfs`."""

    def __init__(self, rules: tuple[tuple[Glob, bool], ...]) -> None:
        self._rules = rules

    @property
    def num_rules(self) -> int:
        return len(self._rules)

    def is_lfs(self, path: str) -> bool:
        return next((lfs for pattern, lfs in reversed(self._rules) if pattern.match(path)), False)
