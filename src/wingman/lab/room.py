"""What this machine has left, memory and disk, and the words for when it is too little."""

import errno
import os
import shutil
from pathlib import Path

from wingman.lab.errors import ResourceError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NEARLY_FULL_BYTES = 1 << 20
# PyTorch and its companions map this much, most of it never touched: it counts against `ulimit -v` alone.
_MAPPED_BYTES = 2_600 << 20
LIBRARIES_BYTES = 700 << 20


def available_memory() -> int:
    """Bytes a new process may take: what the system has free, less where a limit (ulimit, container) is lower."""
    import psutil

    limits = (int(psutil.virtual_memory().available), container_memory(Path("/sys/fs/cgroup")), _mappable())
    return max(min(limit for limit in limits if limit is not None), 0)


def container_memory(cgroup: Path) -> int | None:
    """Bytes that the limit of a container (cgroup v2) leaves, or None where it sets none.

    What it holds of files and has not read lately counts as left: the kernel drops that before it refuses memory.
    """
    limit = cgroup / "memory.max"
    if not limit.is_file() or not (ceiling := limit.read_text().strip()).isdigit():
        return None
    stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    return int(ceiling) - int((cgroup / "memory.current").read_text()) + int(stat.get("inactive_file", 0))


def _mappable() -> int | None:
    """Bytes that `ulimit -v` leaves this process to map, or None where it sets no limit."""
    if os.name != "posix":
        return None
    import resource

    import psutil

    ceiling = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if ceiling == resource.RLIM_INFINITY else ceiling - psutil.Process().memory_info().vms


def free_disk(folder: Path) -> int:
    """Bytes left where `folder` is, or will be."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(existing).free


def check_libraries() -> None:
    """Raise `ResourceError` when the training libraries cannot even be loaded. Ask before: they crash if it fails."""
    memory, mappable = available_memory(), _mappable()
    if memory < LIBRARIES_BYTES or (mappable is not None and mappable < _MAPPED_BYTES):
        needed = LIBRARIES_BYTES if memory < LIBRARIES_BYTES else _MAPPED_BYTES
        raise ResourceError(
            f"Loading PyTorch alone takes {gigabytes(needed)} of memory; {gigabytes(memory)} are free. "
            "Close other programs, or raise the limit (ulimit -v).",
            needed_bytes=needed,
            available_bytes=memory,
        )


def check_download(name: str, *, weights_bytes: int, missing_bytes: int, folder: Path) -> None:
    """Raise `ResourceError` when a base model cannot be held in memory, or not be stored, before it is fetched.

    weights_bytes: size of its weights, the least they take in memory. missing_bytes: what is still to be fetched.
    """
    memory = available_memory()
    if memory < weights_bytes:
        raise ResourceError(
            f"The weights of {name} take {gigabytes(weights_bytes)}; {gigabytes(memory)} of memory are free. "
            "Close other programs, or take a smaller base model (--base).",
            needed_bytes=weights_bytes,
            available_bytes=memory,
        )
    check_disk(f"Fetching {name}", missing_bytes, folder)


def check_disk(what: str, needed_bytes: int, folder: Path) -> None:
    """Raise `ResourceError` when less than `needed_bytes` are left where `folder` is, or will be."""
    disk = free_disk(folder)
    if disk < needed_bytes:
        raise ResourceError(
            f"{what} takes {gigabytes(needed_bytes)} of disk below {folder}; {gigabytes(disk)} are free. "
            "Make room there, and run the same command again.",
            needed_bytes=needed_bytes,
            available_bytes=disk,
        )


def explain_full_disk(error: Exception, folder: Path) -> None:
    """Raise `ResourceError` from `error` if it came of a full disk.

    Libraries that write weights in C++ or Rust raise errors of their own for it: then the disk itself is asked.
    """
    disk = free_disk(folder)
    if (isinstance(error, OSError) and error.errno in _FULL) or disk < _NEARLY_FULL_BYTES:
        raise ResourceError(
            f"The disk is full: {gigabytes(disk)} are free below {folder}. Make room and run the same command again; "
            "it goes on from here.",
            needed_bytes=0,
            available_bytes=disk,
        ) from error


def gigabytes(size: int) -> str:
    """A size as a person says it.

    >>> gigabytes(1_520_000_000)
    '1.5 GB'
    """
    return f"{size / 1e9:.1f} GB"
