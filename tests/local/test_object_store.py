"""Objects are put whole, and taken without a copy where that is possible."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from smp.errors import RunError
from smp.local.object_store import ObjectStore

URI = "s3://bucket/models/model.tar.gz"
OTHER_FILE_SYSTEM = Path("/dev/shm")


def made(directory: Path, content: str = "weights") -> Path:
    file = directory / "model.tar.gz"
    file.write_text(content, "utf-8")
    file.chmod(0o600)
    return file


def test_a_file_that_is_taken_is_moved_and_not_copied(tmp_path: Path) -> None:
    store, source = ObjectStore(tmp_path / "s3"), made(tmp_path)
    inode = source.stat().st_ino
    store.take(source, URI)
    target = store.path_of(URI)
    assert not source.exists()
    assert target.stat().st_ino == inode
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_file_that_is_taken_replaces_an_object(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "s3")
    store.put(made(tmp_path, "old"), URI)
    store.take(made(tmp_path, "new"), URI)
    assert store.path_of(URI).read_text("utf-8") == "new"


def test_a_file_of_another_file_system_is_taken_too(tmp_path: Path) -> None:
    if not OTHER_FILE_SYSTEM.is_dir() or OTHER_FILE_SYSTEM.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"{OTHER_FILE_SYSTEM} is no other file system")
    store = ObjectStore(tmp_path / "s3")
    with tempfile.TemporaryDirectory(dir=OTHER_FILE_SYSTEM) as directory:
        source = made(Path(directory))
        store.take(source, URI)
        assert not source.exists()
    assert store.path_of(URI).read_text("utf-8") == "weights"


@pytest.mark.parametrize("uri", [URI, "s3://bucket/models/model.tar.gz/part"])
def test_what_is_refused_stays_where_it_is(tmp_path: Path, uri: str) -> None:
    store, source = ObjectStore(tmp_path / "s3"), made(tmp_path)
    taken = "s3://bucket/models/model.tar.gz/part" if uri == URI else URI
    store.put(source, taken)
    with pytest.raises(RunError, match="prefix"):
        store.take(source, uri)
    assert source.exists()
