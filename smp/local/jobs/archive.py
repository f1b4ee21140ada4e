"""Packs and unpacks the `.tar.gz` files that jobs exchange.

It never follows a path out of the directory that it unpacks to.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from smp.errors import RunError

COMPRESSION_LEVEL = 1
"""Speed over size: an artefact on this machine is read back at once."""


def pack(directory: Path, archive: Path) -> None:
    """Pack the content of a directory, as the service packs `/opt/ml/model`.

    Raises RunError for what `unpack` would refuse: a link that is absolute or leads out, a pipe.
    """

    def checked(member: tarfile.TarInfo) -> tarfile.TarInfo:
        path = directory / member.name
        stays = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))
        if member.issym() and (Path(member.linkname).is_absolute() or not stays):
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
    """Unpack an archive; raises tarfile.TarError for one that would leave the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "r:*") as tar:
        tar.extractall(directory, filter="data")
