"""Files that hold no text of a configuration: each gives one clear problem."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.errors import ConfigError
from tests.config.workspace import CONF, make_workspace

PATTERN = "model_configs/churn/conf/*"


def message(workspace: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_project(workspace, PATTERN)
    assert len(caught.value.problems) == 1
    return str(caught.value).replace(str(workspace.resolve()), "WORKSPACE")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    make_workspace(tmp_path, {CONF: ""})
    (tmp_path / CONF).unlink()
    return tmp_path / CONF


def test_fails_for_a_file_of_ten_megabytes(tmp_path: Path, file: Path) -> None:
    file.write_text("conf:\n" + "# padding\n" * 1_000_000)
    assert message(tmp_path) == (
        f"{CONF}:1:1: is too large\n"
        "    found: 10,000,006 bytes\n"
        "    allowed: at most 1,048,576 bytes"
    )


def test_fails_for_text_in_another_encoding(tmp_path: Path, file: Path) -> None:
    file.write_bytes("conf:\n  projectName: café\n".encode("latin-1"))
    assert message(tmp_path) == f"{CONF}:2:19: is not UTF-8 text\n    found: the byte 0xe9"


def test_fails_for_utf_16(tmp_path: Path, file: Path) -> None:
    file.write_bytes("conf: {}\n".encode("utf-16"))
    assert message(tmp_path) == f"{CONF}:1:1: is UTF-16 text\n    allowed: UTF-8 text"


def test_fails_for_binary_data(tmp_path: Path, file: Path) -> None:
    file.write_bytes(b"conf:\n\x00\x01\x02")
    assert message(tmp_path) == (
        f"{CONF}:2:1: is not a text file\n    found: the character U+0000\n    allowed: YAML text"
    )


@pytest.mark.parametrize("character", ["\u202e", "\u2066"])
def test_fails_for_a_line_that_reads_otherwise_than_it_is_written(
    tmp_path: Path, file: Path, character: str
) -> None:
    file.write_text(f"conf:\n  # harmless {character} elbisiv ton\n", "utf-8")
    assert message(tmp_path) == (
        f"{CONF}:2:14: has a character that turns the order of what is read\n"
        f"    found: the character U+{ord(character):04X}\n"
        "    allowed: YAML text"
    )


def test_fails_for_a_directory_in_place_of_a_file(tmp_path: Path, file: Path) -> None:
    file.mkdir()
    assert message(tmp_path) == f"{CONF}:1:1: is a directory, not a file"


def test_fails_for_a_link_to_nothing(tmp_path: Path, file: Path) -> None:
    file.symlink_to("gone.yaml")
    assert message(tmp_path) == f"{CONF}:1:1: is a link to a file that does not exist"


def test_fails_for_a_link_to_itself(tmp_path: Path, file: Path) -> None:
    file.symlink_to("conf.yaml")
    assert message(tmp_path).startswith(f"{CONF}:1:1: ")


def test_fails_for_a_named_pipe_without_waiting_for_it(tmp_path: Path, file: Path) -> None:
    os.mkfifo(file)
    assert message(tmp_path) == f"{CONF}:1:1: is not a regular file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_fails_for_a_file_without_read_permission(tmp_path: Path, file: Path) -> None:
    file.write_text("conf: {}\n")
    file.chmod(0)
    assert message(tmp_path) == f"{CONF}:1:1: cannot be read: Permission denied"


def test_fails_for_a_link_out_of_the_model_directory(tmp_path: Path, file: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("conf: {}\n")
    file.symlink_to(secret)
    assert message(tmp_path) == f"{CONF}:1:1: is a link out of the model's own directory"


def test_fails_for_a_text_longer_than_any_setting(tmp_path: Path, file: Path) -> None:
    file.write_text("conf:\n  projectName: " + "x" * 12_001)
    assert message(tmp_path) == f"{CONF}:2:16: is a text of more than 12,000 characters"


def test_a_message_lists_five_hundred_problems(tmp_path: Path, file: Path) -> None:
    file.write_text("conf:\n" + "".join(f"  key{number}: 1\n" for number in range(600)))
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path, PATTERN)
    assert len(caught.value.problems) == 501
    assert str(caught.value).endswith("\n100 more problems")


def test_fails_when_the_pattern_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "model_configs").mkdir()
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path)
    assert str(caught.value).replace(str(tmp_path.resolve()), "WORKSPACE") == (
        "no configuration file matches 'model_configs/*/conf/*.yaml'\n"
        "    found: looked below WORKSPACE/model_configs\n"
        "    hint: check the workspace directory and the pattern of model files"
    )


def test_fails_when_the_place_of_the_pattern_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model_configs does not exist"):
        load_project(tmp_path)
    with pytest.raises(ConfigError, match=r"no configuration file matches ''"):
        load_project(tmp_path, "")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf# nothing\n")
    assert message(tmp_path) == f"{CONF}:1:1: the file is empty"


def test_a_file_name_cannot_write_to_the_terminal(tmp_path: Path, file: Path) -> None:
    file.with_name("a\x1b[2Jb.yaml").write_text("")
    assert message(tmp_path) == "model_configs/churn/conf/a\\x1b[2Jb.yaml:1:1: the file is empty"
