"""How torch's threads wait for each other: asleep, not spinning.

Between two parts of a step every OpenMP thread waits for the slowest. By default it spins; on a machine that does
something else too, such as serving a Hub, spinning threads take the core from the one they wait for.
`docs/decisions/threads-that-sleep.md` has the figures.
"""

import os

ASLEEP = {
    "OMP_WAIT_POLICY": "passive",  # of the standard (OpenMP 5.2, section 21.1.4); what LLVM's library reads
    "GOMP_SPINCOUNT": "1000",  # of GNU's library, which torch brings on Linux: spin for microseconds, then sleep
}


def let_waiting_threads_sleep() -> None:
    """To be called before torch is imported, which reads this once; what the person has set stays."""
    for name, value in ASLEEP.items():
        os.environ.setdefault(name, value)
