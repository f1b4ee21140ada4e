"""Packs and unpacks the `.tar.gz` files that jobs exchange.

It never follows a path out of the directory that it unpacks to. The files are written without
`TarFile.extractall`: its safe filter came with Python 3.11.4, and its rules differ between versions.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from smp.errors import RunError

COMPRESSION_LEVEL = 1
"""Speed over size: an artifact on this machine is read back at once."""

_COPIED_AT_ONCE = 1024 * 1024


def pack(directory: Path, archive: Path) -> None:
    """Pack the content of a directory, as the service packs `/opt/ml/model`.

    Raises RunError for what `unpack` would refuse: a link that is absolute or leads out, a pipe.
    """

    def checked(member: tarfile.TarInfo) -> tarfile.TarInfo:
        path = directory / member.name
        if member.issym() and not _stays(member):
            raise RunError(
                f"{path} is a link to {member.linkname}; only relative links that stay within "
                "what is packed can be kept"
            )
        if member.isdev():
            raise RunError(f"{path} is neither a file, a directory nor a link")
        return member

    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz", compresslevel=COMPRESSION_LEVEL) as tar:
        for path in sorted(directory.iterdir()):
            tar.add(path, arcname=path.name, filter=checked)


def unpack(archive: Path, directory: Path) -> None:
    """Unpack an archive; raises tarfile.TarError for one that would leave the directory.

    Symbolic links are made last, so that no file is written through one. Owners are not kept, of the
    permissions only who may execute.
    """
    directory.mkdir(parents=True, exist_ok=True)
    links = []
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            path = _place(member.name, directory)
            if member.issym():
                links.append((path, member))
            elif member.isdir():
                path.mkdir(exist_ok=True)
            else:
                _write(tar, member, path, directory)
    _link(links)


def is_empty_archive(archive: Path) -> bool:
    """Whether an archive has no member; one that cannot be read is not empty."""
    try:
        with tarfile.open(archive, "r:*") as tar:
            return tar.next() is None
    except (tarfile.TarError, EOFError, OSError):
        return False


def _place(member: str, directory: Path) -> Path:
    """Return where a member goes, with the directories above it made."""
    name = PurePosixPath(member.lstrip("/"))
    path = directory / name
    above = [directory / parent for parent in name.parents][:-1]
    if ".." in name.parts or any(parent.is_symlink() for parent in above):
        raise tarfile.ExtractError(f"{member} would be outside of the directory")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path, directory: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()  # what a hard link shares stays as it is
    if member.islnk():
        source = _place(member.linkname, directory)
        if source.is_symlink() or not source.is_file():
            raise tarfile.ExtractError(f"{member.name} is a link to {member.linkname}, no file")
        os.link(source, path, follow_symlinks=False)
        return
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        raise tarfile.ExtractError(f"{member.name} is neither a file, a directory nor a link")
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file, _COPIED_AT_ONCE)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)
    with contextlib.suppress(OSError, OverflowError, ValueError):  # an impossible time does no harm
        os.utime(path, (member.mtime, member.mtime))


def _link(links: Iterable[tuple[Path, tarfile.TarInfo]]) -> None:
    for path, member in links:
        if not _stays(member):
            raise tarfile.ExtractError(f"{member.name} is a link to {member.linkname}")
        if path.is_symlink():
            path.unlink()
        path.symlink_to(member.linkname)


def _stays(link: tarfile.TarInfo) -> bool:
    """Whether a symbolic link leads to a place below the archive's root, whatever else it holds.

    Its own directory is a real one, so leading `..` lead where they seem to. A `..` after a name could
    follow another link first.
    """
    target = PurePosixPath(link.linkname).parts
    up = next((at for at, part in enumerate(target) if part != ".."), len(target))
    depth = len(PurePosixPath(link.name.lstrip("/")).parents) - 1
    return not link.linkname.startswith("/") and up <= depth and ".." not in target[up:]
