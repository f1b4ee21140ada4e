"""What a job sees of the machine's files: the system, its Python, and nothing else.

An allow-list. Every directory at the top of the file system that is not the system's is covered by an
empty one: homes, workspaces, mounted disks, and `/run` with the sockets of services. Below the covers,
only what the job's Python consists of is shown again.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from smp.local.sandbox.base import Job

SYSTEM = frozenset(
    {"bin", "etc", "gnu", "lib", "lib32", "lib64", "libx32", "nix", "opt", "sbin", "sys", "usr"}
)
"""Directories of the system and its packages. `/opt` is shown without its `ml`."""
OWN = frozenset({"dev", "proc", "tmp"})
"""Directories that each job has for itself."""
SHOWN_FILES = ("/etc/resolv.conf", "/etc/localtime", "/var/lib/ca-certificates")
"""What a system may keep below a cover: its resolver, its time zone, its certificates."""
PACKAGES = frozenset({"Cellar"})
"""Directories whose entries need those of the directory above: Homebrew's packages link to each other."""
MAX_LINKS = 40
"""The kernel follows as many links in a path."""


@dataclass(frozen=True)
class View:
    """What a sandbox shows, in the order in which it is to be done: cover, link, show."""

    covered: tuple[str, ...]
    """Directories in whose place there are empty ones; `/tmp`, which a job may write to, is not named."""
    links: tuple[tuple[str, str], ...]
    """Symbolic links below covers, with where each leads."""
    shown: tuple[str, ...]
    """Directories and files below covers that can be read, outermost first."""
    private: tuple[str, ...]
    """Files and directories of the system that not every user may read; a job sees nothing in them."""


def view_of(job: Job) -> View:
    """Return what a job sees. Its Python is taken to stay as it is once it has been used."""
    return _view(job.python)


@lru_cache(maxsize=64)
def _view(python: Path) -> View:
    covered = covered_directories()
    links: dict[str, str] = {}
    shown: set[str] = set()
    for path in (*_parts_of_python(python), *map(Path, SHOWN_FILES)):
        met, real = _followed(path)
        links |= {link: to for link, to in met.items() if _is_below(link, (*covered, "/tmp"))}
        if _is_below(real, (*covered, "/tmp")) and Path(real).exists():
            shown.add(real)
    outermost = sorted(shown, key=lambda path: (len(Path(path).parts), path))
    kept = [one for one in outermost if not _is_below(one, shown - {one})]
    outside = {link: to for link, to in links.items() if not _is_below(link, kept)}
    return View(covered, tuple(sorted(outside.items())), tuple(kept), tuple(_private_files()))


def covered_directories() -> tuple[str, ...]:
    """Return the directories at the top of the file system that are not the system's."""
    entries = [each for each in os.scandir("/") if each.is_dir(follow_symlinks=False)]
    return tuple(sorted(each.path for each in entries if each.name not in SYSTEM | OWN))


def _parts_of_python(python: Path) -> Iterator[Path]:
    """Yield the environment with the `bin` directory `python`, and what it was made from and names."""
    environment = python.parent
    yield environment
    for program in ("python3", "python"):
        yield from _prefixes(environment / "bin" / program)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in (environment / "pyvenv.cfg").read_text("utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home" and Path(value.strip()).is_absolute():
                yield from _prefixes(Path(value.strip()) / "python3")
    for file in environment.glob("lib/python*/site-packages/*.pth"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for line in file.read_text("utf-8").splitlines():
                if line.startswith("/") and "\0" not in line:
                    yield Path(line.rstrip())


def _prefixes(program: Path) -> Iterator[Path]:
    """Yield a Python, and the directory where it is installed, by its real name.

    The directory that only has a link to the Python is not shown: it may be `~/.local`.
    """
    if not os.path.lexists(program):
        return
    yield program
    prefix = program.resolve().parents[1]
    if not any(prefix.glob("lib*/python3*/os.py")):
        return
    above = next((each for each in prefix.parents if each.name in PACKAGES), None)
    yield above.parent if above else prefix
    yield from (library for library in prefix.glob("lib*") if library.is_symlink())


def _followed(path: Path) -> tuple[dict[str, str], str]:
    """Return the links in a path, each with where it leads, and the path without links.

    The kernel needs each of them: a job can use the path only if it can follow them, too.
    """
    met: dict[str, str] = {}
    parts = deque(path.parts[1:])
    at = "/"
    while parts:
        name = parts.popleft()
        if name == "..":
            at = str(Path(at).parent)
            continue
        at = str(Path(at) / name)
        with contextlib.suppress(OSError):
            target = str(Path(at).readlink())
            if at in met and len(met) > MAX_LINKS:
                break
            met[at] = target
            parts.extendleft(reversed(Path(target).parts))
            at = "/" if target.startswith("/") else str(Path(at).parent)
            if target.startswith("/"):
                parts.popleft()
    return met, at


def _is_below(path: str, directories: Iterable[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in directories)


@lru_cache(maxsize=1)
def _private_files() -> tuple[str, ...]:
    """Return what of `/etc` not everybody may read: keys and passwords, if this user may read them."""
    return tuple(sorted(_private_below("/etc")))


def _private_below(directory: str) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_symlink():
                continue
            if not entry.stat(follow_symlinks=False).st_mode & stat.S_IROTH:
                yield entry.path
            elif entry.is_dir():
                yield from _private_below(entry.path)


def write_hosts(job: Job) -> Path:
    """Write the job's `/etc/hosts` next to its `/opt/ml`: a toolkit that cannot resolve `algo-1` waits."""
    hosts = job.opt_ml.parent / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *job.hosts)))
    return hosts
