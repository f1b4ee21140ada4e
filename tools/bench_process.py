"""Runs one process to its end and measures its time and the memory of its process tree.

Never measures both at once: looking at memory slows the process down.
"""

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_SECONDS = 0.05
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Finished:
    """What a process printed, what its run took on the clock, and of all processors with its children."""

    seconds: float
    output: str
    cpu_seconds: float = 0.0
    started: float = 0.0
    """Seconds since 1970."""


def run_timed(
    command: Sequence[str | Path], directory: Path, environment: Mapping[str, str] | None = None
) -> Finished:
    """Run a command; raises RuntimeError with its output where it fails."""
    at = time.time()
    cpu_before = _cpu_of_children()
    started = time.perf_counter()
    finished = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if finished.returncode:
        raise RuntimeError(f"{command} failed:\n{finished.stdout}")
    return Finished(seconds, finished.stdout, _cpu_of_children() - cpu_before, at)


def _cpu_of_children() -> float:
    """Return the seconds of processors that all children took which have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_memory_mib(command: Sequence[str | Path], directory: Path) -> float:
    """Run a command and return the most that it and its children held at once, summed RSS."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    tree = psutil.Process(process.pid)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _resident_bytes(tree))
        time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{command} failed with status {process.returncode}")
    return peak / MEBIBYTE


def _resident_bytes(tree: psutil.Process) -> int:
    total = 0
    try:
        for process in (tree, *tree.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.Error:
        pass  # it ended while it was looked at: the next sample counts the rest
    return total


def machine() -> str:
    """Describe this machine without naming it: processor, cores, memory."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in cpuinfo.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory = psutil.virtual_memory().total / MEBIBYTE / 1024
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB of memory"
