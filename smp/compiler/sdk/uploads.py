"""Collects the single files that the SDK uploads, and gives each of its directories a content address.

The SDK invents an address from job name and clock, and only then says what lies there. So the bytes are
kept until the definition is complete, and the invented addresses in it are replaced.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import PurePosixPath

from smp.definition.code.store import CodeStore
from smp.definition.compiled import CodeTree
from smp.errors import CompileError


class Uploads:
    """Files by the `s3://bucket/directory` that the SDK chose."""

    def __init__(self) -> None:
        self._directories: dict[str, dict[str, bytes]] = {}

    def add(self, bucket: str, key: str, body: str | bytes) -> str:
        """Keep a file and return the address that the SDK chose. Raises CompileError."""
        place = PurePosixPath(key)
        data = body.encode() if isinstance(body, str) else body
        if place.name.endswith(".tar.gz"):
            data = repack(data)
        directory = f"s3://{bucket}/{place.parent}"
        files = self._directories.setdefault(directory, {})
        if files.setdefault(place.name, data) != data:
            raise CompileError(
                f"two jobs upload different files to {directory}/{place.name}: give their processors "
                "base_job_names of their own"
            )
        return f"{directory}/{place.name}"

    def trees(self, store: CodeStore) -> dict[str, CodeTree]:
        """Pack what came in so far and return the tree that takes the place of each address."""
        return {
            directory: store.add_files(files, f"sdk upload of {', '.join(sorted(files))}")
            for directory, files in self._directories.items()
        }


def repack(archive: bytes) -> bytes:
    """Return a `.tar.gz` with the same regular files and none of what differs from run to run.

    Order, times, owners and modes are settled, byte code is left out, and nothing is compressed, so that
    the version of zlib has no say.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        members = [member for member in source.getmembers() if member.isfile()]
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target:
            for member in sorted(members, key=lambda member: member.name):
                path = PurePosixPath(member.name)
                if path.suffix == ".pyc" or "__pycache__" in path.parts:
                    continue
                settled = tarfile.TarInfo(member.name)
                settled.size = member.size
                settled.mode = 0o755 if member.mode & 0o100 else 0o644
                target.addfile(settled, source.extractfile(member))
    return gzip.compress(packed.getvalue(), compresslevel=0, mtime=0)
