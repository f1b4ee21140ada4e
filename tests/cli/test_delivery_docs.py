"""The pages about delivery and operations: examples load, every setting is named, commands exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any, get_args

import pytest
from botocore import xform_name
from botocore.session import Session
from pydantic import BaseModel

from smp.cli.entry import build_parser
from stacks.delivery_settings import DeliverySettings, PullRequestSettings
from tests.cli.test_docs import ROOT, blocks

PAGES = {
    name: (ROOT / "docs" / name).read_text("utf-8") for name in ("delivery.md", "operations.md")
}
DELIVERY = PAGES["delivery.md"]
OF_THE_AWS_CLI_ITSELF = ("configure", "sso")
PROGRAMS = ("smp", "aws", "make", "tools/cdk", "git", "gh", "zizmor")


def json_blocks(text: str) -> list[Any]:
    """Return the JSON examples, also those that are indented below an item of a list."""
    found = re.findall(r"^( *)```json\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    return [json.loads(block) for _, block in found]


def commands(text: str) -> list[list[str]]:
    """Return every command of the page: those of its blocks and those within sentences."""
    found = re.findall(r"^( *)```sh\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    lines = [line.strip() for _, block in found for line in block.splitlines()]
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    lines += [text for text in inline if text.split()[0] in PROGRAMS and " " in text]
    return [shlex.split(line) for line in lines if line]


def of_program(program: str) -> list[Any]:
    return [
        pytest.param(command, id=" ".join(command)[:80])
        for text in PAGES.values()
        for command in commands(text)
        if command[0] == program
    ]


def test_the_example_is_the_bundled_one() -> None:
    bundled = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]["smp"]["delivery"]
    shown = json_blocks(DELIVERY)[0]["delivery"]
    assert shown == bundled
    DeliverySettings.model_validate(shown)


def test_the_examples_of_pull_requests_load() -> None:
    examples = [block for block in json_blocks(DELIVERY)[1:] if "pullRequests" in block]
    assert len(examples) == 2
    for example in examples:
        PullRequestSettings.model_validate(example["pullRequests"])


def keys(model: type[BaseModel]) -> set[str]:
    """Return every key of a settings model and of the models in it, as they are written."""
    found = set()
    for name, field in model.model_fields.items():
        found.add(field.alias or name)
        for inner in models_in(field.annotation):
            found |= keys(inner)
    return found


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def test_every_setting_is_named() -> None:
    sentences = re.sub(r"```.*?```", "", DELIVERY, flags=re.DOTALL)
    named = set(re.findall(r"[A-Za-z]+", " ".join(re.findall(r"`[^`]+`", sentences))))
    named |= set(re.findall(r'"([A-Za-z]+)":', DELIVERY))
    assert keys(DeliverySettings) - named == set()


@pytest.mark.parametrize("command", of_program("smp"))
def test_a_command_of_smp_is_one(command: list[str]) -> None:
    if len(command) == 2:
        assert command[1] in str(build_parser().format_help())
    else:
        build_parser().parse_args(command[1:])


@pytest.mark.parametrize("command", of_program("aws"))
def test_a_command_of_aws_is_an_operation_with_these_members(command: list[str]) -> None:
    service, operation, *rest = command[1:]
    if service in OF_THE_AWS_CLI_ITSELF:
        return
    model = Session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    members = {f"--{xform_name(name, '-')}" for name in shape.members} if shape else set()
    assert {option for option in rest if option.startswith("--")} <= members


@pytest.mark.parametrize("command", of_program("make"))
def test_a_target_of_make_is_there(command: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{command[1]}:", makefile, re.MULTILINE)
    for option in command[2:]:
        assert re.search(rf"^{option.partition('=')[0]} \?=", makefile, re.MULTILINE)


@pytest.mark.parametrize("command", of_program("tools/cdk"))
def test_a_command_of_the_cdk_is_one(command: list[str]) -> None:
    assert command[1] in ("bootstrap", "synth", "deploy", "destroy", "diff")
    known = {"--trust", "--cloudformation-execution-policies", "--quiet", "-c"}
    known |= {"--import-existing-resources"}
    assert {option for option in command if option.startswith("-")} <= known
    stacks = [name for name in command[2:] if name.startswith("Smp-")]
    assert all(re.fullmatch(r"Smp-(Delivery|dev-Pipeline-NAME)", name) for name in stacks)


def test_every_role_and_status_that_is_named_is_the_one_that_is_made() -> None:
    from constructs_lib.pull_request_gateway import STATUS_CONTEXT
    from stacks.delivery_access import review_role_name, start_role_name
    from stacks.delivery_checks import CHECKING_WORKFLOW

    assert f"`{STATUS_CONTEXT}`" in DELIVERY
    assert f":role/{CHECKING_WORKFLOW}`" in DELIVERY
    assert f":role/{review_role_name('Smp-dev')}`" in DELIVERY
    assert f"`{start_role_name('<prefix>')}`" in PAGES["operations.md"]


def test_every_page_of_the_docs_is_blocks_that_close() -> None:
    for name, text in PAGES.items():
        assert text.count("```") % 2 == 0, name
        assert Path(name).suffix == ".md"
    assert blocks(DELIVERY, "json")
