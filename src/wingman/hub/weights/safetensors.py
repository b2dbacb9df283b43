"""The header of a safetensors file: which tensors there are, and how many parameters of each type.

Source: safetensors' format description: u64 little-endian header length, JSON header, then the data.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from wingman.hub.json_text import load_json

MAX_HEADER_BYTES = 25 << 20


def parse_header(read: Callable[[int, int], bytes]) -> Mapping[str, Any] | None:
    """The JSON header; `read(start, end)` gives bytes of the file. None where it is no safetensors file."""
    length = int.from_bytes(read(0, 8), "little")
    if not 2 <= length <= MAX_HEADER_BYTES:
        return None
    try:
        header = load_json(read(8, 8 + length))
    except ValueError:
        return None
    return header if isinstance(header, dict) else None


def count_parameters(header: Mapping[str, Any]) -> dict[str, int]:
    """Parameters by type name.

    >>> count_parameters({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}})
    {'F32': 6}
    """
    counts: dict[str, int] = {}
    for name, tensor in header.items():
        shape = tensor.get("shape") if name != "__metadata__" and isinstance(tensor, dict) else None
        # Headers come from strangers: what is no list of sizes counts nothing.
        if isinstance(shape, list) and all(type(size) is int and 0 <= size < 1 << 63 for size in shape[:64]):
            dtype = str(tensor.get("dtype"))
            counts[dtype] = counts.get(dtype, 0) + math.prod(shape[:64])
    return counts
