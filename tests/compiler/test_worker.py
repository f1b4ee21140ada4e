"""The process that compiles ends with the process that started it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from smp.compiler.cache.compile_all import WORKER

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_worker_whose_answer_nobody_reads_ends_at_once() -> None:
    worker = subprocess.Popen(
        WORKER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    time.sleep(2)
    assert worker.poll() is None
    worker.stdout.close()
    with worker.stdin:
        assert worker.wait(timeout=30) == 1
