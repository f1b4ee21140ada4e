"""Content-addressed code trees, and what of a directory goes into them."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

import smp.definition.code.shipped_files as shipped_files
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CodeTree
from smp.errors import ScriptError, SetupError
from tests.graph.workspace import write


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(tmp_path / "model/scripts/train.py", "print('train')\n")
    write(tmp_path / "model/scripts/lib/data.py", "DATA = 1\n")
    return tmp_path / "model/scripts"


@pytest.fixture
def store(tmp_path: Path) -> CodeStore:
    return CodeStore(tmp_path / "store")


def names(tree: CodeTree) -> list[str]:
    return [file.path for file in tree.files]


def message(source: Path, store: CodeStore, boundary: Path | None = None) -> str:
    with pytest.raises(ScriptError) as error:
        store.add_directory(source, "scripts", boundary)
    return str(error.value)


def test_a_tree_lies_at_the_hash_of_its_content(source: Path, store: CodeStore) -> None:
    tree = store.add_directory(source, "scripts")
    assert names(tree) == ["lib/data.py", "train.py"]
    assert store.path_of(tree) == store.root / tree.sha256
    assert (store.path_of(tree) / "lib/data.py").read_text() == "DATA = 1\n"
    assert tree.key == f"code/{tree.sha256}"
    assert store.holds([tree])


def test_the_hash_knows_neither_times_nor_modes_nor_order_nor_place(
    source: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "other"
    for name in ("train.py", "lib/data.py"):
        write(copy / name, (source / name).read_text()).chmod(0o755)
        os.utime(copy / name, (1, 1))
    hashes = {
        CodeStore(tmp_path / "store").add_directory(place, "x").sha256 for place in (source, copy)
    }
    assert len(hashes) == 1


@pytest.mark.parametrize("change", ["content", "name", "one more", "template"])
def test_the_hash_knows_every_byte_and_path(change: str, store: CodeStore) -> None:
    files = {"a": b"1", "b": b"2"}
    first = store.add_files(files, "x")
    second = {
        "content": lambda: store.add_files({"a": b"1", "b": b"3"}, "x"),
        "name": lambda: store.add_files({"a": b"1", "c": b"2"}, "x"),
        "one more": lambda: store.add_files({**files, "c": b""}, "x"),
        "template": lambda: store.add_files(files, "x", frozenset({"a"})),
    }[change]()
    assert first.sha256 != second.sha256


def test_what_tools_leave_behind_is_left_out(source: Path, store: CodeStore) -> None:
    for name in (
        ".git/config",
        ".env",
        "__pycache__/train.cpython-311.pyc",
        "lib/old.pyc",
        "lib/__pycache__/x",
        "pkg.egg-info/PKG-INFO",
        "node_modules/x/index.js",
        ".train.py.swp",
        "train.py~",
    ):
        write(source / name, "junk")
    assert names(store.add_directory(source, "scripts")) == ["lib/data.py", "train.py"]


def test_the_ignore_file_leaves_more_out(source: Path, store: CodeStore) -> None:
    write(source / ".smpignore", "# data\n\n*.csv\nnotebooks/\nlib/private.py\n  \n")
    for name in ("x.csv", "lib/y.csv", "notebooks/a.py", "lib/private.py", "private.py"):
        write(source / name, "")
    assert names(store.add_directory(source, "scripts")) == [
        "lib/data.py",
        "private.py",
        "train.py",
    ]


def test_fails_for_an_ignore_file_that_is_no_text(source: Path, store: CodeStore) -> None:
    (source / ".smpignore").write_bytes(b"\xff\xfe")
    assert message(source, store) == f"{source}/.smpignore: is not UTF-8 text"


def test_a_link_inside_is_taken_as_the_file(source: Path, store: CodeStore) -> None:
    (source / "same.py").symlink_to("lib/data.py")
    tree = store.add_directory(source, "scripts")
    assert names(tree) == ["lib/data.py", "same.py", "train.py"]
    kept = store.path_of(tree) / "same.py"
    assert not kept.is_symlink()
    assert kept.read_text() == "DATA = 1\n"


def test_a_link_may_lead_elsewhere_in_the_models_directory(source: Path, store: CodeStore) -> None:
    write(source.parent / "shared/common.py", "")
    (source / "common.py").symlink_to("../shared/common.py")
    assert "common.py" in names(store.add_directory(source, "scripts", source.parent))


HINT = "\n    hint: remove it, or leave it out by a line in .smpignore"


def test_fails_for_a_link_out(source: Path, store: CodeStore, tmp_path: Path) -> None:
    secret = write(tmp_path / "secret", "")
    (source / "lib/escape.py").symlink_to(secret)
    expected = f"{source}/lib/escape.py: is a link out of the model's own directory{HINT}"
    assert message(source, store, source.parent) == expected


def test_fails_for_a_link_to_a_directory(source: Path, store: CodeStore) -> None:
    (source / "again").symlink_to("lib")
    assert message(source, store) == f"{source}/again: is a link to a directory{HINT}"


@pytest.mark.parametrize("target", ["nowhere", "loop"])
def test_fails_for_a_link_to_nowhere(target: str, source: Path, store: CodeStore) -> None:
    (source / "loop").symlink_to(target)
    assert message(source, store) == f"{source}/loop: is a link that leads nowhere{HINT}"


def test_fails_for_a_pipe(source: Path, store: CodeStore) -> None:
    os.mkfifo(source / "pipe")
    assert message(source, store) == f"{source}/pipe: is neither a file nor a directory{HINT}"


def test_what_is_refused_may_be_left_out(source: Path, store: CodeStore) -> None:
    os.mkfifo(source / "pipe")
    (source / "link").symlink_to("/etc/passwd")
    write(source / ".smpignore", "pipe\nlink\n")
    assert names(store.add_directory(source, "scripts")) == ["lib/data.py", "train.py"]


def test_fails_for_a_name_that_is_no_text(source: Path, store: CodeStore) -> None:
    with open(os.fsencode(source) + b"/\xff.py", "w"):  # noqa: PTH123  bytes are the point
        pass
    assert message(source, store).startswith(
        f"{source}/\ufffd.py: has a name that is not UTF-8, as keys in S3 are"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_fails_for_an_unreadable_file(source: Path, store: CodeStore) -> None:
    (source / "train.py").chmod(0)
    assert message(source, store) == f"{source}/train.py: cannot be read: Permission denied{HINT}"


def test_fails_for_a_directory_that_is_gone(source: Path, store: CodeStore) -> None:
    shutil.rmtree(source)
    assert message(source, store) == f"{source}: cannot be read: No such file or directory{HINT}"


@pytest.mark.parametrize("limit", ["MAX_TREE_BYTES", "MAX_TREE_FILES"])
def test_fails_for_a_tree_that_is_too_large(
    limit: str, source: Path, store: CodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_files, limit, 1)
    assert message(source, store).startswith(f"{source}: is too large to ship with every job")


def test_fails_before_it_reads_what_is_too_large(source: Path, store: CodeStore) -> None:
    with (source / "model.bin").open("wb") as file:
        file.truncate(shipped_files.MAX_TREE_BYTES + 1)
    assert message(source, store) == (
        f"{source}: is too large to ship with every job\n    allowed: 50 MiB and 2000 files\n"
        "    hint: keep data in S3 as a channel, and leave out the rest by .smpignore"
    )


def test_a_half_written_tree_is_written_anew(source: Path, tmp_path: Path) -> None:
    tree = CodeStore(tmp_path / "store").add_directory(source, "scripts")
    kept = tmp_path / "store" / tree.sha256 / "train.py"
    kept.write_text("")
    store = CodeStore(tmp_path / "store")
    assert not store.holds([tree])
    assert store.add_directory(source, "scripts") == tree
    assert kept.read_text() == "print('train')\n"


def test_nothing_is_left_where_writing_fails(
    source: Path, store: CodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SetupError, match="No space left on device"):
        store.add_directory(source, "scripts")
    assert list(store.root.iterdir()) == []


def test_fails_where_the_store_cannot_be_made(source: Path, tmp_path: Path) -> None:
    write(tmp_path / "file", "")
    with pytest.raises(SetupError, match="cannot write to"):
        CodeStore(tmp_path / "file" / "store").add_directory(source, "scripts")


def pack_often(root: Path, start: multiprocessing.synchronize.Barrier) -> None:
    start.wait()
    for number in range(60):
        CodeStore(root).add_files({"a": b"x" * number, "b/c": str(number).encode()}, "x")


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    workers = [context.Process(target=pack_often, args=(tmp_path, start)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(list(tmp_path.iterdir())) == 60
