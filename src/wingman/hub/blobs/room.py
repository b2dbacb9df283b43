"""Whether the object store can take what is announced, asked before the first byte is taken."""

from wingman.hub.blobs.store import Blobs, StoreFull


def require_room(blobs: Blobs, size_bytes: int, *, min_free_bytes: int) -> None:
    """Raises `StoreFull` if writing `size_bytes` would leave less than `min_free_bytes`.

    A store without a notion of room (a bucket) always has some.
    """
    free = blobs.free_bytes()
    if free is not None and free - size_bytes < min_free_bytes:
        raise StoreFull(
            f"The Hub's store has {free} bytes left and keeps {min_free_bytes} free; {size_bytes} more do not fit."
        )
