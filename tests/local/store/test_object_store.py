"""Objects are put whole, taken without a copy where that is possible, and refused where they are none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from smp.errors import RunError
from smp.local.store.object_store import ObjectStore

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


def test_links_within_a_tree_are_put_as_what_they_lead_to(tmp_path: Path) -> None:
    store, tree = ObjectStore(tmp_path / "s3"), tmp_path / "tree"
    (tree / "run-2").mkdir(parents=True)
    (tree / "run-2" / "a").write_text("2", "utf-8")
    (tree / "latest").symlink_to("run-2")
    (tree / "best").symlink_to("latest/a")

    assert len(store.put_tree(tree, "s3://bucket/out")) == 3
    assert [
        item.uri.removeprefix("s3://bucket/out/") for item in store.list("s3://bucket/out")
    ] == [
        "best",
        "latest/a",
        "run-2/a",
    ]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("../other", "/bad is a link to .*/other, outside of what is uploaded"),
        ("/etc/hostname", "/bad is a link to /etc/hostname, outside of what is uploaded"),
        ("nowhere", "/bad is a link to .*/nowhere, which is not there"),
        ("bad", "/bad is a link to .*/bad, which is not there"),
        (".", "/bad is a link to .*/tree, a directory that it lies in"),
        ("deep", "/up is a link to .*/tree, a directory that it lies in"),
        (None, "/bad is neither a file nor a directory"),
    ],
)
def test_fails_to_put_what_is_no_file_of_the_tree(
    tmp_path: Path, target: str | None, reason: str
) -> None:
    store, tree = ObjectStore(tmp_path / "s3"), tmp_path / "tree"
    (tmp_path / "other").mkdir()
    (tree / "deep").mkdir(parents=True)
    (tree / "good").write_text("1", "utf-8")
    if target is None:
        os.mkfifo(tree / "bad")
    else:
        (tree / "bad").symlink_to(target)
    if target == "deep":
        (tree / "deep" / "up").symlink_to("..")

    with pytest.raises(RunError, match=reason):
        store.put_tree(tree, "s3://bucket/out")
    refused: list[str] = []
    store.put_tree(tree, "s3://bucket/out", on_refusal=lambda error: refused.append(str(error)))
    assert refused
    assert store.path_of("s3://bucket/out/good").is_file()


def test_fails_to_put_a_file_as_a_tree(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a directory"):
        ObjectStore(tmp_path / "s3").put_tree(made(tmp_path), "s3://bucket/out")


def test_what_links_lead_to_elsewhere_is_put_where_that_is_asked_for(tmp_path: Path) -> None:
    store, tree = ObjectStore(tmp_path / "s3"), tmp_path / "tree"
    tree.mkdir()
    (tmp_path / "large").mkdir()
    made(tmp_path / "large")
    (tree / "data").symlink_to(tmp_path / "large")

    assert len(store.put_tree(tree, "s3://bucket/out", follow_links=True)) == 1
    assert store.path_of("s3://bucket/out/data/model.tar.gz").is_file()


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "s3:///bucket", "s3://"])
def test_fails_to_make_a_bucket_an_object(tmp_path: Path, uri: str) -> None:
    store, source = ObjectStore(tmp_path / "s3"), made(tmp_path)
    with pytest.raises(RunError, match="bucket"):
        store.put(source, uri)
    assert not store.root.exists()


@pytest.mark.parametrize("prefix", ["s3://", "s3:///bucket"])
def test_fails_to_put_a_tree_outside_of_buckets(tmp_path: Path, prefix: str) -> None:
    store, directory = ObjectStore(tmp_path / "s3"), tmp_path / "tree" / "deep"
    directory.mkdir(parents=True)
    made(directory)
    with pytest.raises(RunError, match="names no bucket"):
        store.put_tree(tmp_path / "tree", prefix)
    assert not store.root.exists()
