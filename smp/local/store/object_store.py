"""S3 on this machine: `s3://bucket/key` is the file `<root>/<bucket>/<key>`.

A key that is both an object and a prefix of others cannot be kept, and is refused. An object appears
whole or not at all.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
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
        bucket, *key = uri.removeprefix("s3://").split("/")
        if not bucket:
            raise RunError(f"{uri!r} names no bucket")
        parts = [bucket, *(part for part in key if part)]
        if any(part in (".", "..") for part in parts) or "\0" in uri:
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
        if target.parent == self.root:
            raise RunError(f"{uri!r} is a bucket and cannot be an object")
        if target.is_dir():
            raise RunError(f"{uri} is a prefix of other objects and cannot be one itself")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise RunError(f"a part of {uri} is an object and cannot be a prefix too") from None
        return target

    def put_tree(
        self,
        directory: Path,
        prefix: str,
        *,
        follow_links: bool = False,
        on_refusal: Callable[[Exception], None] | None = None,
    ) -> tuple[str, ...]:
        """Copy every file below a directory under a prefix; return the URI of each.

        A link counts as what it leads to. Unless told to follow them, raises RunError for one that
        leads out of the directory: a job must not get hold of files by having them uploaded. Raises it
        too for a link that leads to nothing or round in a circle, and for a pipe or socket.
        `on_refusal` is called in place of raising, for each file that cannot be copied.
        """
        self.path_of(prefix)
        directory = directory.absolute()
        if os.path.lexists(directory) and not directory.is_dir():
            raise RunError(f"{directory} is not a directory")
        within = None if follow_links else _real(directory)
        uris = []
        for file in _tree(directory, within):
            uri = f"{prefix.rstrip('/')}/{file.relative_to(directory).as_posix()}"
            try:
                _refuse_unfit(file, within)
                self.put(file, uri)
            except (OSError, RunError) as error:
                if on_refusal is None:
                    raise
                on_refusal(error)
            else:
                uris.append(uri)
        return tuple(uris)

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


def _tree(directory: Path, within: Path | None) -> Iterator[Path]:
    """Yield what lies below a directory and is not one itself, links to directories followed.

    A link to a directory outside of `within`, or to one that it lies in, is yielded.
    """
    for root, directories, names in os.walk(directory, followlinks=True):
        for link in [name for name in directories if Path(root, name).is_symlink()]:
            target = _real(Path(root, link))
            above = {_real(place) for place in (Path(root), *Path(root).parents)}
            if target in above or (within is not None and not target.is_relative_to(within)):
                directories.remove(link)
                yield Path(root, link)
        yield from (Path(root, name) for name in names if not name.startswith(".put-"))


def _refuse_unfit(file: Path, within: Path | None) -> None:
    target = _real(file)
    if within is not None and not target.is_relative_to(within):
        raise RunError(f"{file} is a link to {target}, outside of what is uploaded")
    if target.is_dir():
        raise RunError(f"{file} is a link to {target}, a directory that it lies in")
    if not target.exists():
        raise RunError(f"{file} is a link to {target}, which is not there")
    if not target.is_file():
        raise RunError(f"{file} is neither a file nor a directory")


def _real(path: Path) -> Path:
    """Return where links lead to; unlike Path.resolve it takes those that lead to each other."""
    return Path(os.path.realpath(path))
