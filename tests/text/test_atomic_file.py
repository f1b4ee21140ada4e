"""Files are replaced as a whole; what is not a file is written to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smp.text.atomic_file import write_atomically


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "made/file.txt"
    write_atomically(file, "one")
    write_atomically(file, "two", durable=False)
    assert file.read_text() == "two"
    assert list(file.parent.iterdir()) == [file]


def test_a_link_keeps_leading_to_its_file(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(pipe, "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_device_stays_a_device() -> None:
    write_atomically(Path(os.devnull), "text")
    assert Path(os.devnull).is_char_device()


def test_fails_for_a_directory(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path, "text")
