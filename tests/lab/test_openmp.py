"""Waiting threads sleep: only if torch has not been loaded yet, and only if the person wants nothing else."""

import os
import subprocess
import sys

import pytest

from wingman.lab.training.openmp import let_waiting_threads_sleep


def test_what_the_person_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)

    let_waiting_threads_sleep()

    assert os.environ["OMP_WAIT_POLICY"] == "active"
    assert os.environ.pop("GOMP_SPINCOUNT") == "1000"


def test_a_flight_sets_it_before_torch_is_there() -> None:
    program = "import sys, wingman.lab.flight; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
