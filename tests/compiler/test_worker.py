"""The process that compiles ends with the process that started it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from smp.compiler.cache.worker_process import COMMAND

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_worker_whose_answer_nobody_reads_ends_at_once() -> None:
    worker = subprocess.Popen(
        COMMAND,
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


@pytest.mark.slow
def test_a_worker_that_is_asked_nothing_ends_without_a_word() -> None:
    ended = subprocess.run(
        COMMAND,
        input=b"",
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
