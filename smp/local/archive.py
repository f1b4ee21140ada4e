"""Packs and unpacks the `.tar.gz` files that jobs exchange.

It never follows a path out of the directory that it unpacks to.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

COMPRESSION_LEVEL = 1
"""Speed over size: an artefact on this machine is read back at once."""


def pack(directory: Path, archive: Path) -> None:
    """Pack the content of a directory, as the service packs `/opt/ml/model`."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz", compresslevel=COMPRESSION_LEVEL) as tar:
        for path in sorted(directory.iterdir()):
            tar.add(path, arcname=path.name)


def unpack(archive: Path, directory: Path) -> None:
    """Unpack an archive; raises tarfile.TarError for one that would leave the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "r:*") as tar:
        tar.extractall(directory, filter="data")
