"""S3 on this machine: `s3://bucket/key` is the file `<root>/<bucket>/<key>`.

A key that is both an object and a prefix of others cannot be kept, and is refused. An object appears
whole or not at all.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smp.errors import RunError


@dataclass(frozen=True)
class S3Object:
    """One object: its URI and the file that holds it."""

    uri: str
    file: Path


class ObjectStore:
    """All buckets, which exist as soon as an object is put in."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, uri: str) -> Path:
        """Return the file or directory of a URI; raises RunError for one that leaves the store."""
        if not uri.startswith("s3://"):
            raise RunError(f"{uri!r} is not an S3 URI")
        parts = [part for part in uri.removeprefix("s3://").split("/") if part]
        if not parts or any(part in (".", "..") for part in parts) or "\0" in uri:
            raise RunError(f"{uri!r} cannot be kept as a file")
        return self.root.joinpath(*parts)

    def list(self, prefix: str) -> list[S3Object]:
        """Return the objects whose URI starts with a prefix, sorted, as the service would."""
        self.path_of(prefix)
        bucket, _, key = prefix.removeprefix("s3://").partition("/")
        parent, _, stem = key.rpartition("/")
        directory = self.root.joinpath(bucket, *parent.split("/"))
        entries = directory.iterdir() if directory.is_dir() else ()
        found = [
            S3Object(f"s3://{bucket}/{file.relative_to(self.root / bucket).as_posix()}", file)
            for entry in entries
            if entry.name.startswith(stem)
            for file in _files(entry)
        ]
        return sorted(found, key=lambda item: item.uri)

    def put(self, source: Path, uri: str) -> None:
        """Copy a file to a URI, replacing what was there."""
        target = self._target(uri)
        handle, name = tempfile.mkstemp(prefix=".put-", dir=target.parent)
        os.close(handle)
        try:
            shutil.copyfile(source, name)
            Path(name).chmod(0o644)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def take(self, source: Path, uri: str) -> None:
        """Move a file to a URI, replacing what was there: however large, it is not copied."""
        target = self._target(uri)
        source.chmod(0o644)
        try:
            source.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self.put(source, uri)
            source.unlink()

    def _target(self, uri: str) -> Path:
        """Return where an object goes, in a directory that is there."""
        target = self.path_of(uri)
        if target.is_dir():
            raise RunError(f"{uri} is a prefix of other objects and cannot be one itself")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise RunError(f"a part of {uri} is an object and cannot be a prefix too") from None
        return target

    def put_tree(self, directory: Path, prefix: str, *, follow_links: bool = False) -> int:
        """Copy every file below a directory under a prefix; return how many there were.

        Unless told to follow them, raises RunError for a link that leads out of the directory: a job
        must not get hold of files by having them uploaded.
        """
        count = 0
        for file in _files(directory):
            if not follow_links and not file.resolve().is_relative_to(directory.resolve()):
                raise RunError(f"{file} is a link to {file.resolve()}, outside of what is uploaded")
            self.put(file, f"{prefix.rstrip('/')}/{file.relative_to(directory).as_posix()}")
            count += 1
        return count

    def fetch(self, prefix: str, directory: Path) -> int:
        """Copy the objects of a prefix into a directory, as a job's channel in File mode has them.

        An object keeps its path below the prefix, or below the prefix's last `/` where the prefix is
        not a directory; returns how many there were.
        """
        objects = self.list(prefix)
        base = prefix if prefix.endswith("/") else f"{prefix}/"
        for item in objects:
            relative = (
                item.uri.removeprefix(base)
                if item.uri.startswith(base)
                else item.uri.removeprefix(prefix.rpartition("/")[0] + "/")
            )
            copy_file(item.file, directory / relative)
        return len(objects)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, making directories; never a link, so that a job cannot change the original."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file() and not path.name.startswith(".put-"):
        yield path
    for root, _, names in os.walk(path):
        for name in names:
            if not name.startswith(".put-"):
                yield Path(root) / name
