"""What an export consists of: files with names of deploy-time values, those values, and code of jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.deploy_values import LIST_VALUES, PATTERN, names_in
from smp.definition.permissions.statement import Statement
from smp.errors import ConfigError, Location, Problem, near_names

Values = Mapping[str, str | list[str]]

DESCRIPTIONS: Mapping[str, str] = {
    "account_id": "the AWS account that it runs in",
    "region": "the region that it runs in",
    "partition": "aws, aws-cn or aws-us-gov",
    "url_suffix": "amazonaws.com, in China amazonaws.com.cn",
    "bucket": "the bucket of the project: code/ lies in it, and jobs write there",
    "role_arn": "the ARN of the role of the jobs; policies/job-role.json is what it has to allow",
    "kms_key_arn": "the ARN of the key for what jobs write and for their volumes",
    "subnets": "the ids of the subnets that jobs run in",
    "security_group_ids": "the ids of the security groups of the jobs",
    "trigger_queue_arn": "the ARN of the queue for starts that failed",
    "function.approved-model": "the ARN of the function in function/approved_model.py",
}
"""What each value is, for who has to fill it in."""

KNOWN: Mapping[str, str] = {"partition": "aws", "url_suffix": "amazonaws.com"}
"""Values that are right nearly everywhere."""


@dataclass(frozen=True)
class Exported:
    """What a target makes of a pipeline. Texts hold deploy-time values by name."""

    files: Mapping[str, str]
    """By path; the first is the one that matters."""
    policies: Mapping[str, tuple[Statement, ...]] = field(default_factory=dict)
    """Policies of the roles that it takes, by path."""
    differences: tuple[str, ...] = ()
    """What the target does differently than SageMaker, one sentence each."""
    following: tuple[str, ...] = ()
    """What to do next, in order."""


def needed_values(compiled: CompiledPipeline, exported: Exported) -> dict[str, Json]:
    """Map each deploy-time name in an export and its code to an empty value and a description."""
    policies = [policy_text(statements) for statements in exported.policies.values()]
    names = names_in([*exported.files.values(), *policies, *_templates(compiled)])
    return {
        name: {
            "value": [] if name in LIST_VALUES else KNOWN.get(name, ""),
            "description": description_of(name),
        }
        for name in sorted(names)
    }


def read_values(file: Path, needed: Iterable[str], compiled: CompiledPipeline) -> Values:
    """Return the values in a file, as `values.json` has them or name by name.

    The address of an image that is left empty is the one of the region, where there is one. Raises
    ConfigError with every name that has no value or that nothing needs.
    """
    given = _given(file)
    wanted = list(needed)
    region = str(given.get("region", ""))
    for name in wanted:
        known = compiled.images.get(name.removeprefix("image."), {})
        if not given.get(name) and region in known:
            given[name] = known[region]
    problems = list(_value_problems(str(file), given, wanted))
    if problems:
        raise ConfigError(problems)
    return given


def _value_problems(file: str, given: Values, wanted: list[str]) -> Iterator[Problem]:
    for name in wanted:
        if not _is_right(name, given.get(name)):
            allowed = "a list of texts" if name in LIST_VALUES else "a text"
            hint = description_of(name)
            yield Problem("has no value", Location(file), name, allowed=allowed, hint=hint)
    for name in given:
        if name not in wanted:
            reason = "nothing in this pipeline needs this value"
            hint = near_names(name, wanted) or "remove it"
            yield Problem(reason, Location(file), name, hint=hint)


def put_in(text: str, values: Values) -> str:
    """Return a text, JSON or not, with values in the place of their names."""
    for name in LIST_VALUES & values.keys():
        items = ", ".join(json.dumps(item) for item in values[name])
        text = text.replace(f'"${{smp:{name}}}"', items)
    return PATTERN.sub(lambda match: _text(values.get(match[1], match[0])), text)


def code_files(compiled: CompiledPipeline, values: Values | None) -> Iterator[tuple[str, bytes]]:
    """Yield the path below the bucket, and the content, of every file that jobs read as code."""
    for tree in compiled.code:
        for file in tree.files:
            content = (compiled.code_store / tree.sha256 / file.path).read_bytes()
            if file.is_template and values is not None:
                content = put_in(content.decode("utf-8"), values).encode("utf-8")
            yield f"{tree.key}/{file.path}", content


def json_text(value: Any) -> str:
    """Return JSON as a person reads it."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def policy_text(statements: Iterable[Statement], values: Values | None = None) -> str:
    """Return a policy as IAM takes it."""
    if values is not None:
        statements = [statement.resolved(lambda name: values[name]) for statement in statements]
    return json_text(
        {"Version": "2012-10-17", "Statement": [statement.to_json() for statement in statements]}
    )


def _templates(compiled: CompiledPipeline) -> Iterator[str]:
    for tree in compiled.code:
        for file in tree.files:
            if file.is_template:
                path = compiled.code_store / tree.sha256 / file.path
                yield path.read_text(encoding="utf-8")


def _given(file: Path) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError([Problem(f"is not JSON: {error}", Location(str(file)))]) from None
    if not isinstance(read, dict):
        raise ConfigError([Problem("has to be an object of values", Location(str(file)))])
    return {
        name: item.get("value") if isinstance(item, dict) else item for name, item in read.items()
    }


def _is_right(name: str, value: Any) -> bool:
    if name in LIST_VALUES:
        return isinstance(value, list) and value != [] and all(isinstance(v, str) for v in value)
    return isinstance(value, str) and value != ""


def description_of(name: str) -> str:
    """Return what a deploy-time value is, for who has to fill it in."""
    kind, _, rest = name.partition(".")
    if kind == "image":
        return f"the address of the image {rest} in the region"
    if kind == "image_account":
        return f"the account that owns the image {rest} in the region"
    return DESCRIPTIONS.get(name, "")


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)
