"""`smp s3`: objects go into the local bucket and come out as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import RunSmp


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    (directory / "deep").mkdir(parents=True)
    (directory / "a.csv").write_bytes(b"1,2\r\n\xff")
    (directory / "deep" / "b.csv").write_text("3")
    return directory


def test_a_directory_goes_there_and_back(run_smp: RunSmp, data: Path, tmp_path: Path) -> None:
    here = ("--workspace", tmp_path)
    assert run_smp("s3", "put", data, "s3://local/in", *here).status == 0
    listed = run_smp("s3", "ls", "s3://local/in", "--format", "json", *here)
    assert "s3://smp-local/in/deep/b.csv" in json.dumps(json.loads(listed.out))
    assert run_smp("s3", "get", "s3://local/in", tmp_path / "back", *here).status == 0
    assert (tmp_path / "back" / "a.csv").read_bytes() == b"1,2\r\n\xff"
    assert (tmp_path / "back" / "deep" / "b.csv").read_text() == "3"


def test_a_file_keeps_its_name_under_a_prefix(run_smp: RunSmp, data: Path, tmp_path: Path) -> None:
    here = ("--workspace", tmp_path)
    assert run_smp("s3", "put", data / "a.csv", "s3://other/in/", *here).status == 0
    assert "s3://other/in/a.csv" in run_smp("s3", "ls", "s3://other", *here).out


@pytest.mark.parametrize(
    ("uri", "placed"),
    [
        ("s3://local", "s3://smp-local/a.csv"),
        ("s3://local/", "s3://smp-local/a.csv"),
        ("s3://other", "s3://other/a.csv"),
        ("s3://local/in/", "s3://smp-local/in/a.csv"),
        ("s3://local/in", "s3://smp-local/in"),
    ],
)
def test_a_file_is_said_to_be_where_it_is(
    run_smp: RunSmp, data: Path, tmp_path: Path, uri: str, placed: str
) -> None:
    here = ("--workspace", tmp_path)
    assert run_smp("s3", "put", data / "a.csv", uri, *here).out == f"put 1 object to {placed}\n"
    listed = json.loads(run_smp("s3", "ls", placed, "--format", "json", *here).out)
    assert [item["uri"] for item in listed] == [placed]


def test_a_directory_goes_into_a_bucket(run_smp: RunSmp, data: Path, tmp_path: Path) -> None:
    here = ("--workspace", tmp_path)
    assert run_smp("s3", "put", data, "s3://local", *here).status == 0
    listed = json.loads(run_smp("s3", "ls", "--format", "json", *here).out)
    assert [item["uri"] for item in listed] == ["s3://smp-local/a.csv", "s3://smp-local/deep/b.csv"]


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("put", "nowhere", "s3://local/x"), "nowhere"),
        (("put", "data", "https://local/x"), "is not an S3 URI"),
        (("put", "data", "s3://local/../../x"), "cannot be kept as a file"),
        (("put", "data", "s3://"), "'s3://' names no bucket"),
        (("put", "data/a.csv", "s3://"), "names no bucket"),
        (("put", "data/a.csv", "s3:///x"), "'s3:///x' names no bucket"),
        (("get", "s3://local/nothing", "back"), "s3://"),
    ],
)
def test_fails_with_what_is_wrong(
    run_smp: RunSmp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_smp("s3", *arguments, "--workspace", tmp_path)
    assert done.status == 1
    assert reason in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / ".smp").exists()
