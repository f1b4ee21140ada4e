"""`smp check-permissions` between assemblies; against an account it is tested with the emulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smp.cli import main

Json = dict[str, Any]


def template(*actions: str) -> Json:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    properties = {"Roles": [{"Ref": "Jobs"}], "PolicyDocument": {"Statement": [statement]}}
    return {"Resources": {"Policy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}}}


def assembly(directory: Path, stacks: dict[str, Json], **nested: dict[str, Json]) -> Path:
    directory.mkdir(parents=True)
    artifacts: Json = {}
    for name, content in stacks.items():
        (directory / f"{name}.template.json").write_text(json.dumps(content))
        artifacts[f"Artifact{name}"] = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": f"{name}.template.json", "stackName": name},
        }
    for name, inner in nested.items():
        place = f"assembly-{name}"
        assembly(directory / place, inner)
        artifacts[place] = {
            "type": "cdk:cloud-assembly",
            "properties": {"directoryName": place},
        }
    (directory / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return directory


def check(*arguments: str | Path) -> int:
    return main(["check-permissions", *map(str, arguments)])


def test_the_same_templates_allow_nothing_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks = {"Smp-Foundation": template(), "Smp-Pipeline-a": template("s3:GetObject")}
    old, new = (assembly(tmp_path / name, stacks) for name in ("old", "new"))
    assert check("--assembly", new, "--base", old) == 0
    assert capsys.readouterr().out == "2 stacks compared: nothing more is allowed\n"


def test_each_new_allowance_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = assembly(tmp_path / "old", {"Smp-Foundation": template("s3:GetObject")})
    new = assembly(
        tmp_path / "new",
        {"Smp-Foundation": template("s3:GetObject", "s3:Put*"), "Smp-Pipeline-a": template("a:B")},
    )
    assert check("--assembly", new, "--base", old) == 3
    assert capsys.readouterr().out.splitlines() == [
        "Smp-Foundation: role Jobs may now s3:Put* on *",
        "Smp-Pipeline-a: role Jobs may now a:B on *",
        "2 stacks compared: 2 more allowed",
    ]
    assert check("--assembly", old, "--base", new) == 0


def test_many_are_counted_by_stack_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a first deployment, whose approval shows the first lines alone."""
    actions = [f"s3:Get{letter}" for letter in "abcdefghijklmnopqrstu"]
    new = assembly(
        tmp_path / "new", {"Smp-Foundation": template("a:B"), "Smp-Pipeline-a": template(*actions)}
    )
    old = assembly(tmp_path / "old", {"Smp-Foundation": template()})
    assert check("--assembly", new, "--base", old) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Smp-Foundation: 1 more allowed", "Smp-Pipeline-a: 21 more allowed"]
    assert len(lines) == 2 + 22 + 1


def test_a_program_can_read_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = assembly(tmp_path / "old", {"Smp-Foundation": template()})
    new = assembly(tmp_path / "new", {"Smp-Foundation": template("a:B")})
    assert check("--assembly", new, "--base", old, "--format", "json") == 3
    assert json.loads(capsys.readouterr().out) == {
        "stacks": ["Smp-Foundation"],
        "widened": ["Smp-Foundation: role Jobs may now a:B on *"],
    }


def test_an_environment_is_found_in_the_stages_of_a_delivery(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def delivery(name: str, *production: str) -> Path:
        return assembly(
            tmp_path / name,
            {"Smp-Delivery": template(name)},
            Dev={"Smp-dev-Foundation": template(name)},
            Prod={
                "Smp-prod-Foundation": template(),
                "Smp-prod-Pipeline-a": template(*production),
            },
        )

    old, new = delivery("old:X"), delivery("new:X", "a:B")
    assert check("--assembly", new, "--base", old, "--environment", "prod") == 3
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "Smp-prod-Pipeline-a: role Jobs may now a:B on *"
    assert "new:X" not in out


def test_the_default_environment_is_not_mixed_with_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks = {
        "Smp-Delivery": template(),
        "Smp-Delivery-eu-west-1": template(),
        "Smp-DeliveryAccess": template(),
        "Smp-Foundation": template(),
        "Smp-Pipeline-a": template(),
        "Smp-prod-Foundation": template(),
        "Smp-prod-eu-Foundation": template(),
        "Smp-prod-eu-Pipeline-a": template(),
        "Other": template(),
    }
    place = assembly(tmp_path / "cdk.out", stacks)
    for environment, number in (("default", 3), ("prod", 1), ("prod-eu", 2)):
        assert check("--assembly", place, "--base", place, "--environment", environment) == 0
        assert f"{number} stack" in capsys.readouterr().out


def test_fails_for_an_environment_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = assembly(tmp_path / "cdk.out", {"Smp-production-Foundation": template()})
    assert check("--assembly", place, "--base", place, "--environment", "producton") == 1
    assert capsys.readouterr().err == (
        f"smp: {place} has no environment 'producton'\n"
        "    allowed: production\n"
        "    hint: did you mean 'production'?\n"
    )


def test_fails_for_a_directory_that_is_no_assembly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("--assembly", tmp_path, "--base", tmp_path) == 1
    assert "this directory is not a cloud assembly" in capsys.readouterr().err
