"""Which number format a machine computes in natively, and the memory settings that go with training on a CPU."""

import ctypes
import functools
import platform
import time

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MMAP_ABOVE = 32 << 20  # the most glibc accepts (HEAP_MAX_SIZE / 2)
_KEEP_FREE = 1 << 30
_GIVE_BACK_SECONDS = 20.0


def native_precision() -> str:
    """What to compute in: "bf16" where GPU or CPU do so in hardware, else "fp32". Emulated bfloat16 is slower."""
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    able = torch.cpu.get_capabilities()
    return "bf16" if any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16")) else "fp32"


class FreedMemory:
    """Returns freed memory between blocks in use to the kernel (where the C library is glibc; malloc_trim(3)).

    Batches of ever other lengths ask for blocks of ever other sizes and leave more and more of it: on news texts a
    training grew from 3 GB to 7, and stays below 5 so. What is given back has to be faulted in again: every twenty
    seconds that costs no speed that could be measured.
    """

    def __init__(self) -> None:
        self._given_back_at = time.monotonic()

    def give_back_now_and_then(self) -> None:
        """To be called after each batch."""
        moment = time.monotonic()
        if moment - self._given_back_at >= _GIVE_BACK_SECONDS and platform.libc_ver()[0] == "glibc":
            self._given_back_at = moment
            ctypes.CDLL(None).malloc_trim(0)


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc to keep large freed blocks instead of returning each one to the kernel and faulting it in again.

    Training allocates and frees blocks of megabytes at every step; by default glibc maps and unmaps each of them.
    Returns whether it took effect (only where the C library is glibc). Source: mallopt(3).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(
        mallopt(option, value) == 1
        for option, value in (
            (_M_MMAP_THRESHOLD, _MMAP_ABOVE),
            (_M_TRIM_THRESHOLD, _KEEP_FREE),
            (_M_TOP_PAD, 64 << 20),
        )
    )
