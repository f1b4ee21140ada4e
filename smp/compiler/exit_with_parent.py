"""Lets a process that works for another over a pipe end when the other does, killed or not."""

from __future__ import annotations

import os
import select
import threading


def exit_when_parent_dies(descriptor: int) -> None:
    """From now on end this process at once when nobody can read what it would write there."""
    threading.Thread(target=_wait, args=(descriptor,), daemon=True).start()


def _wait(descriptor: int) -> None:
    reader = select.poll()
    reader.register(descriptor, 0)
    while not (found := reader.poll()):
        pass
    if found[0][1] & (select.POLLERR | select.POLLHUP):
        os._exit(1)
