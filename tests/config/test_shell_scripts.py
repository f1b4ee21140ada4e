"""Shell scripts among a model's files: what Linux does not run is found before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.errors import ScriptError
from tests.graph.workspace import DIRECTORY, IMAGE, load, pipeline_of

TRAIN = f"{{image_uri: {IMAGE}, entry_point: run.sh}}"
MARK = b"\xef\xbb\xbf"


def workspace(directory: Path, **files: bytes) -> Path:
    scripts = directory / DIRECTORY / "scripts"
    scripts.mkdir(parents=True, exist_ok=True)
    (scripts / "run.sh").write_bytes(b"#!/bin/bash\ntrue\n")
    for name, content in files.items():
        (scripts / name.replace("__", ".")).write_bytes(content)
    return directory


def problems(directory: Path) -> list[str]:
    try:
        load(directory, pipeline_of("fit: Training"), demo__train=TRAIN)
    except ScriptError as error:
        found = [f"{problem.path}: {problem.reason}" for problem in error.problems]
        return [one for one in found if one.startswith("conf.models.demo.")]
    return []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"#!/bin/bash\r\ntrue\r\n",
            "has line ends of Windows, which its interpreter takes as text",
        ),
        (b"true\r\n", "has line ends of Windows, which its interpreter takes as text"),
        (
            MARK + b"#!/bin/bash\n",
            "begins with a byte order mark, so its first line names no interpreter",
        ),
    ],
)
@pytest.mark.parametrize("name", ["run__sh", "helper__sh"])
def test_fails_with_the_file_for_a_script_that_linux_does_not_run(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    found = problems(workspace(tmp_path, **{name: content}))
    path = name.replace("__", ".")
    assert found == [f"conf.models.demo.source_directory: '{path}' in it {reason}"]


@pytest.mark.parametrize(
    "files",
    [
        {"run__sh": b"#!/bin/bash\n"},
        {"run__sh": b""},
        {"train__py": MARK + b"print(1)\r\n"},
        {"data__csv": MARK + b"a,b\r\n"},
        {"run__sh": b"#!/bin/bash\nprintf 'a\r\n'\n"},
    ],
)
def test_other_files_are_as_they_are(files: dict[str, bytes], tmp_path: Path) -> None:
    assert problems(workspace(tmp_path, **files)) == []


def test_a_script_that_is_left_out_is_not_looked_at(tmp_path: Path) -> None:
    files = {"windows__sh": b"true\r\n", "__smpignore": b"windows.sh\n"}
    assert problems(workspace(tmp_path, **files)) == []


def test_what_cannot_be_read_is_reported_elsewhere(tmp_path: Path) -> None:
    scripts = workspace(tmp_path) / DIRECTORY / "scripts"
    (scripts / "gone.sh").symlink_to("nowhere")
    assert problems(tmp_path) == [
        "conf.models.demo.source_directory: 'gone.sh' in it is a link that leads nowhere"
    ]
    (scripts / "gone.sh").unlink()
    assert load_project(tmp_path).pipelines
