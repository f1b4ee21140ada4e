"""What jobs exchange is unpacked into one directory, whatever the archive holds and the Python can do."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.errors import RunError
from smp.local.jobs.archive import pack, unpack

Member = tuple[str, bytes, str]
"""A name, a type of tarfile's, and the content or where a link leads."""

FILE, DIRECTORY, LINK, HARD_LINK = (
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
)


def archive_of(file: Path, *members: Member) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.linkname = text if kind in (LINK, HARD_LINK) else ""
            member.size = len(text) if kind == FILE else 0
            tar.addfile(member, io.BytesIO(text.encode()))
    return file


def content_of(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): f"-> {path.readlink()}"
        if path.is_symlink()
        else path.read_text()
        for path in sorted(directory.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_what_was_packed_is_unpacked_with_its_links_times_and_executables(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "epochs" / "2").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "epochs" / "2" / "weights").write_text("w")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o4777)
    os.utime(source / "run.sh", (1_000_000_000, 1_000_000_000))
    (source / "best").symlink_to("epochs/2")
    (source / "epochs" / "up").symlink_to("../run.sh")
    (source / "same").hardlink_to(source / "epochs" / "2" / "weights")

    pack(source, tmp_path / "a.tar.gz")
    unpack(tmp_path / "a.tar.gz", tmp_path / "target")

    target = tmp_path / "target"
    assert content_of(target) == content_of(source)
    assert (target / "empty").is_dir()
    assert (target / "run.sh").stat().st_mode & 0o7777 == 0o755
    assert (target / "run.sh").stat().st_mtime == 1_000_000_000
    assert (target / "same").samefile(target / "epochs" / "2" / "weights")


HARMLESS = {
    "the root itself": [(".", DIRECTORY, ""), ("./a", FILE, "a")],
    "an absolute name counts from the root": [("/a", FILE, "a")],
    "a later member with the same name": [("a", FILE, "old"), ("a", FILE, "a")],
    "a file below no directory entry": [("b/c", FILE, "c"), ("a", FILE, "a")],
}


@pytest.mark.parametrize("members", HARMLESS.values(), ids=HARMLESS)
def test_odd_but_harmless_archives_are_unpacked(tmp_path: Path, members: list[Member]) -> None:
    unpack(archive_of(tmp_path / "a.tar.gz", *members), tmp_path / "target")
    assert (tmp_path / "target" / "a").read_text() == "a"


HARMFUL = {
    "a name that leads up": [("../out", FILE, "x")],
    "a name that leads up later": [("a/../../out", FILE, "x")],
    "a directory outside": [("../outside/new", DIRECTORY, "")],
    "an absolute link": [("l", LINK, "/etc/hostname")],
    "a link that leads up": [("l", LINK, "../outside")],
    "a link that leads up from below": [("d/l", LINK, "../../outside")],
    "a file through a link": [("l", LINK, "../outside"), ("l/x", FILE, "x")],
    "a file through an inner link": [("d", LINK, "."), ("d/x", FILE, "x")],
    "a link through a link": [
        ("a/b/up", LINK, ".."),
        ("l", LINK, "a/b/up/../../outside"),
    ],
    "a link in the place of a directory": [("d/x", FILE, "x"), ("d", LINK, "..")],
    "a hard link to a file outside": [("h", HARD_LINK, "../outside/secret")],
    "a hard link to an absolute path": [("h", HARD_LINK, "/etc/hostname")],
    "a hard link to a symbolic one": [("l", LINK, "../outside/secret"), ("h", HARD_LINK, "l")],
    "a hard link that is written to": [
        ("l", LINK, "../outside/secret"),
        ("h", HARD_LINK, "l"),
        ("h", FILE, "x"),
    ],
    "a pipe": [("p", tarfile.FIFOTYPE, "")],
    "a character device": [("c", tarfile.CHRTYPE, "")],
    "a block device": [("b", tarfile.BLKTYPE, "")],
}


@pytest.mark.parametrize("members", HARMFUL.values(), ids=HARMFUL)
def test_fails_for_a_harmful_archive_and_leaves_what_is_outside(
    tmp_path: Path, members: list[Member]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    target = tmp_path / "target"
    archive = archive_of(tmp_path / "a.tar.gz", *members)

    with pytest.raises((tarfile.TarError, OSError)):
        unpack(archive, target)

    assert content_of(outside) == {"secret": "secret"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "outside", "target"]
    for path in target.rglob("*"):
        assert path.resolve().is_relative_to(target.resolve())
        assert not path.is_file() or path.read_text() != "secret"


NAMES = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)
MEMBERS = st.one_of(
    st.tuples(NAMES, st.just(FILE), st.just("x")),
    st.tuples(NAMES, st.just(DIRECTORY), st.just("")),
    st.tuples(NAMES, st.sampled_from([LINK, HARD_LINK]), NAMES),
)


@given(members=st.lists(MEMBERS, max_size=6))
def test_nothing_leaves_the_directory_whatever_the_members(
    tmp_path_factory: pytest.TempPathFactory, members: list[Member]
) -> None:
    root = tmp_path_factory.mktemp("archives")
    target = root / "1" / "2" / "3" / "4" / "target"
    with contextlib.suppress(tarfile.TarError, OSError):
        unpack(archive_of(root / "a.tar.gz", *members), target)
    assert sorted(path.name for path in root.iterdir()) == ["1", "a.tar.gz"]
    assert [path for path in (root / "1").rglob("*") if not path.is_relative_to(target)] == [
        target.parents[2],
        target.parents[1],
        target.parents[0],
    ]
    for path in target.rglob("*"):
        try:
            led_to = path.resolve(strict=True)
        except (OSError, RuntimeError):
            continue  # a link to nothing, or to itself
        assert led_to.is_relative_to(target.resolve())


def replaced_by_a_link(target: Path, outside: Path) -> None:
    (target / "a").symlink_to(outside)


def replaced_by_a_directory_link(target: Path, outside: Path) -> None:
    (target / "d").symlink_to(outside.parent)


@pytest.mark.parametrize("prepare", [replaced_by_a_link, replaced_by_a_directory_link])
def test_links_that_are_there_already_are_not_written_through(
    tmp_path: Path, prepare: Callable[[Path, Path], None]
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("as it was")
    (tmp_path / "target").mkdir()
    prepare(tmp_path / "target", outside)
    archive = archive_of(tmp_path / "a.tar.gz", ("a", FILE, "new"), ("d/outside", FILE, "new"))
    try:
        unpack(archive, tmp_path / "target")
    except tarfile.TarError:
        assert prepare is replaced_by_a_directory_link
    assert outside.read_text() == "as it was"


@pytest.mark.parametrize("target", ["/etc", "..", "d/../..", "d/../d", "../source/d"])
def test_fails_to_pack_a_link_that_could_not_be_unpacked(tmp_path: Path, target: str) -> None:
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    (source / "link").symlink_to(target)
    with pytest.raises(RunError, match="only relative links that stay within"):
        pack(source, tmp_path / "a.tar.gz")
