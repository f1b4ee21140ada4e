"""Starts executions of deployed pipelines, by content at most once where that is asked for.

It never starts one pipeline of several before all of them have been checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from smp.aws.executions import (
    DeployedPipeline,
    Execution,
    describe_pipeline,
    list_executions,
    start_execution,
)
from smp.aws.service_errors import service_error
from smp.definition.parameters import parameter_values
from smp.definition.triggers import SAGEMAKER
from smp.errors import Problem, RunError, SmpError

DELIVERY_PREFIX = "delivery-"
HASH_CHARACTERS = 32
MAX_DESCRIPTION = 3072
"""StartPipelineExecution.PipelineExecutionDescription (botocore 1.44.5)."""


@dataclass(frozen=True)
class Start:
    """What came of a request to start a pipeline."""

    pipeline: DeployedPipeline
    execution: Execution
    is_new: bool
    """False: this execution of the same definition was there already, and nothing was started."""


def names_of_assembly(directory: Path) -> tuple[str, ...]:
    """Return the names of the pipelines of an assembly (cdk.out) that run on SageMaker.

    Raises RunError where there is no pipeline at all.
    """
    files = sorted((directory / "pipelines").glob("*.json"))
    if not files:
        hint = "give the directory that `cdk synth` wrote, usually cdk.out"
        found = str(directory / "pipelines")
        raise RunError([Problem("the assembly holds no pipeline", None, "", found, hint=hint)])
    names = []
    for file in files:
        try:
            pipeline = json.loads(file.read_text("utf-8"))
            if SAGEMAKER in pipeline.get("targets", (SAGEMAKER,)):
                names.append(str(pipeline["name"]))
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file} holds no compiled pipeline: {error}") from error
    return tuple(names)


def start_pipelines(
    sagemaker: Any,
    names: Sequence[str],
    given: Mapping[str, str],
    *,
    once: bool = False,
    commit: str | None = None,
) -> Iterator[Start]:
    """Check everything, then start the pipelines and yield what came of each.

    `once`: if an execution of the same definition and the same given parameters exists, whatever its
    state, nothing is started. Raises RunError with the problems of all pipelines before any is started.
    """
    pipelines = _checked(sagemaker, dict.fromkeys(names), given)
    for pipeline, values in pipelines:
        request: dict[str, Any] = {}
        if values:
            request["PipelineParameters"] = values
        if commit:
            request["PipelineExecutionDescription"] = f"commit {commit}"[:MAX_DESCRIPTION]
        yield (_start_once if once else _start)(sagemaker, pipeline, request)


def delivery_name(definition: Mapping[str, Any], values: Sequence[Mapping[str, str]] = ()) -> str:
    """Return the display name of the one execution of a definition: the same for the same content."""
    content: Any = definition
    if values:
        content = [definition, sorted(values, key=lambda item: item["Name"])]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{DELIVERY_PREFIX}{digest[:HASH_CHARACTERS]}"


def _checked(
    sagemaker: Any, names: Collection[str], given: Mapping[str, str]
) -> list[tuple[DeployedPipeline, list[dict[str, str]]]]:
    checked, problems = [], []
    for name in names:
        try:
            pipeline = describe_pipeline(sagemaker, name)
            values = parameter_values(pipeline.definition, given)
        except RunError as error:
            several = len(names) > 1
            problems += [_of(name, problem) if several else problem for problem in error.problems]
            continue
        texts = [{"Name": key, "Value": _as_text(values[key])} for key in given]
        checked.append((pipeline, texts))
    if problems:
        raise RunError(problems)
    return checked


def _of(name: str, problem: Problem) -> Problem:
    return replace(problem, path=".".join(part for part in (name, problem.path) if part))


def _as_text(value: Any) -> str:
    """Return a checked value as StartPipelineExecution takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _start(sagemaker: Any, pipeline: DeployedPipeline, request: Mapping[str, Any]) -> Start:
    try:
        return Start(pipeline, start_execution(sagemaker, pipeline, **request), is_new=True)
    except (BotoCoreError, ClientError) as error:
        raise _start_error(error, pipeline) from error


def _start_once(sagemaker: Any, pipeline: DeployedPipeline, request: Mapping[str, Any]) -> Start:
    """Start the execution of this content, or return the one there is.

    Two that ask at the same moment send the same token: the service starts one execution for both.
    """
    name = delivery_name(pipeline.definition, request.get("PipelineParameters", ()))
    before = _named(sagemaker, pipeline, name)
    if before is not None:
        return Start(pipeline, before, is_new=False)
    token = hashlib.sha256(f"{pipeline.arn} {name}".encode()).hexdigest()
    named = {**request, "PipelineExecutionDisplayName": name, "ClientRequestToken": token}
    try:
        return Start(pipeline, start_execution(sagemaker, pipeline, **named), is_new=True)
    except (BotoCoreError, ClientError) as error:
        meanwhile = _named(sagemaker, pipeline, name)
        if meanwhile is None:
            raise _start_error(error, pipeline) from error
        return Start(pipeline, meanwhile, is_new=False)


def _named(sagemaker: Any, pipeline: DeployedPipeline, name: str) -> Execution | None:
    executions = list_executions(sagemaker, pipeline)
    return next((found for found in executions if found.display_name == name), None)


def _start_error(error: BotoCoreError | ClientError, pipeline: DeployedPipeline) -> SmpError:
    return service_error(error, f"start pipeline {pipeline.name}")
