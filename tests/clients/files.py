"""Files that tests send and look for again."""

import hashlib
import random
from pathlib import Path

PIECE_BYTES = 1 << 24


def write_random(path: Path, num_bytes: int, *, seed: int = 0) -> str:
    """Fill `path` with bytes that do not compress and do not repeat; returns their sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = random.Random(f"{seed}/{path.name}")
    with path.open("wb") as file:
        for start in range(0, num_bytes, PIECE_BYTES):
            file.write(source.randbytes(min(PIECE_BYTES, num_bytes - start)))
    return sha256(path)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """Relative path -> sha256 of every file below `folder`, without what clients and git keep."""
    return {
        str(path.relative_to(folder)): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".cache", ".git"} & set(path.relative_to(folder).parts)
    }
