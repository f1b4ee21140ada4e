"""The states that do a step's work, without where they lead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from smp.definition.compiled import Json
from smp.definition.language import expressions_in, property_file_of, step_property
from smp.definition.step_types import ServiceCall
from smp.export.stepfunctions.jsonata import (
    INPUT,
    RESULT,
    code,
    follow,
    literal,
    member,
    property_key,
    record,
    rendered,
    report_key,
    template,
)
from smp.export.stepfunctions.names import job_name
from smp.export.stepfunctions.retries import ATTEMPTS, JobRetry, call_retriers, job_retries
from smp.export.stepfunctions.step_types import AWS_SDK, call_of, resource
from smp.export.workflow import PropertyFile, Task, Workflow

REASON, STOPPED_MEMBER, SINCE = "FailureReason", "Stopped", "Since"
"""Members of the record of a step that failed."""

OUTCOME = "Outcome"
"""Member of the record of a condition."""

COMPARISONS: Mapping[str, str] = {
    "Equals": "=",
    "GreaterThan": ">",
    "GreaterThanOrEqualTo": ">=",
    "LessThan": "<",
    "LessThanOrEqualTo": "<=",
}

_ERROR = "$states.errorOutput"
WAS_STOPPED = r'/JobStatus": ?"Stopped"/'
TOLD = r'/"(FailureReason|errorMessage)": ?"([^"]+)/'
"""Where the Cause of an error, the description of a job or the answer of a function, says why."""


def used_properties(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """Map each step to the paths of its properties that other steps read, property files included."""
    used: dict[str, dict[str, None]] = {}
    for task in workflow.tasks:
        read = [task.step | {"Arguments": task.arguments}, *(file.location for file in task.reads)]
        for expression in expressions_in(read):
            found = step_property(expression)
            if found:
                used.setdefault(found[0], {})[found[1]] = None
    return {step: tuple(paths) for step, paths in used.items()}


def work_state(task: Task, paths: Iterable[str]) -> Json:
    """Return the state that calls what a step calls and keeps the properties that others read."""
    call, made = task.type.call, call_of(task)
    if call is None and made.action is None:
        arguments: Json = {
            "FunctionName": task.step["FunctionArn"],
            "Payload": template(task.arguments),
        }
    else:
        arguments = template(task.arguments)
        if call is not None and call.name_member:
            arguments = {call.name_member: code(job_name(task)), **_without(arguments, call)}
    kept = {property_key(path): _of_its_type(task, path, made.property(path)) for path in paths}
    retriers = call_retriers(task)
    return {
        "Type": "Task",
        "Resource": made.resource_of(call),
        "Arguments": arguments,
        "Output": code(recorded(task.name, kept)),
        **({"Retry": retriers} if retriers else {}),
    }


OUTPUT_TYPES: Mapping[str, str] = {
    "String": "string",
    "Integer": "number",
    "Float": "number",
    "Boolean": "boolean",
}
"""What JSONata calls the type of an output that a step declares."""


def _of_its_type(task: Task, path: str, value: str) -> str:
    """Return the JSONata of an output; one that is not of the type that its step declares is missing."""
    declared = {
        f"OutputParameters.{output['OutputName']}": OUTPUT_TYPES[output["OutputType"]]
        for output in task.step.get("OutputParameters", [])
    }
    kind = declared.get(property_key(path))
    return value if kind is None else f"$type({value}) = {literal(kind)} ? {value} : null"


def recorded(step: str, kept: Mapping[str, str]) -> str:
    """Return the input with the record of a step put in; `kept` maps its keys to JSONata."""
    members = ", ".join(f"{literal(key)}: {value}" for key, value in kept.items())
    return f"$merge([{INPUT}, {{{literal(step)}: {{{members}}}}}])"


def failure_output(task: Task, tells_stopped: bool) -> str:
    """Return the JSONata of the output after an error: the input with why the step failed."""
    cause = f"{_ERROR}.Cause"
    kept = {
        REASON: f"($told := $match({cause} & '', {TOLD}); "
        f"$exists($told) ? $told[0].groups[1] : {_ERROR}.Error & ': ' & {cause})"
    }
    if tells_stopped:
        kept[STOPPED_MEMBER] = f"$contains({cause} & '', {WAS_STOPPED})"
    retries = job_retries(task)
    before = record(task.name)
    if retries:
        counted = f"{before}.{ATTEMPTS}"
        kept[ATTEMPTS] = f"$exists({counted}) ? {counted} + 1 : 1"
    if any(retry.expire_after_minutes is not None for retry in retries):
        began = f"{before}.{SINCE}"
        kept[SINCE] = f"$exists({began}) ? {began} : $states.context.State.EnteredTime"
    return recorded(task.name, kept)


def is_tried_again(task: Task, retry: JobRetry) -> str:
    """Return the JSONata that tells whether a failed job is started again."""
    before = record(task.name)
    reasons = f"$contains({before}.{REASON}, /^({'|'.join(retry.reasons)})/)"
    if retry.expire_after_minutes is not None:
        spent = f"$millis() - $toMillis({before}.{SINCE})"
        return f"{reasons} and {spent} < {60_000 * retry.expire_after_minutes}"
    return f"{reasons} and {before}.{ATTEMPTS} <= {retry.max_attempts}"


def pause_seconds(task: Task, retry: JobRetry) -> Any:
    """Return how long to wait before a failed job is started again: a number, or JSONata."""
    if retry.backoff_rate == 1 or retry.max_attempts is None:
        return retry.interval_seconds
    power = f"$power({retry.backoff_rate:g}, {record(task.name)}.{ATTEMPTS} - 1)"
    return code(f"$round({retry.interval_seconds} * {power})")


def read_state(reader: str, file: PropertyFile, paths: Iterable[str]) -> Json:
    """Return the state that reads values of a property file into the record of the step that wrote it.

    Where one is missing its reader has failed: no error of an output can be caught.
    """
    address = f"$substringAfter({rendered(file.location)}, 's3://')"
    found = {path: follow("$report", path) for path in paths}
    kept = ", ".join(f"{literal(key_of(file, path)[1])}: {value}" for path, value in found.items())
    missing = ", ".join(
        f"{_is_there(value)} ? '' : {literal(path)}" for path, value in found.items()
    )
    values = (
        f"$merge([{INPUT}, {{{literal(file.step)}: $merge([{record(file.step)}, {{{kept}}}])}}])"
    )
    reason = f"{literal(f'{file.name} of {file.step} has no ')} & $missing"
    return {
        "Type": "Task",
        "Resource": resource("aws-sdk:s3", "getObject"),
        "Arguments": {
            "Bucket": code(f"$substringBefore({address}, '/')"),
            "Key": code(f"$substringAfter({address}, '/')"),
        },
        "Output": code(
            f"($report := $parse({RESULT}.Body); $missing := $join([{missing}]); "
            f"$missing = '' ? {values} : {recorded(reader, {REASON: reason})})"
        ),
    }


def has_failed(step: str) -> str:
    """Return the JSONata that tells whether the record of a step says that it failed."""
    return f"$exists({record(step)}.{REASON})"


def paths_read(task: Task, file: PropertyFile) -> tuple[str, ...]:
    """Return the paths of the values that a task's expressions read of a property file."""
    read = task.step | {"Arguments": task.arguments}
    gets = (item["Std:JsonGet"] for item in expressions_in(read) if "Std:JsonGet" in item)
    wanted = (file.step, file.name)
    return tuple(dict.fromkeys(str(g["Path"]) for g in gets if property_file_of(g) == wanted))


ALWAYS_ANSWERED = re.compile(
    r"\w*(Arn|JobName|ModelName)|ModelArtifacts\.S3ModelArtifacts|TransformOutput\.S3OutputPath"
    r"|ProcessingOutputConfig\.Outputs\['[^']+'\]\.S3Output\.S3Uri"
)
"""Properties that every step has that completed and declares them."""


def keys_read(task: Task) -> frozenset[tuple[str, str]]:
    """Return the (step, key) pairs of the values that a task reads and that may be missing."""
    reported = (key_of(file, path) for file in task.reads for path in paths_read(task, file))
    return frozenset((*reported, *uncertain_keys(task)))


def key_of(file: PropertyFile, path: str) -> tuple[str, str]:
    """Return the step that wrote a property file, and the key of a value of it in the step's record."""
    return report_key(
        {"PropertyFile": {"Get": f"Steps.{file.step}.PropertyFiles.{file.name}"}, "Path": path}
    )


def uncertain_keys(task: Task) -> tuple[tuple[str, str], ...]:
    """Return the (step, key) pairs of properties that a completed step may lack, such as a metric."""
    read = task.step | {"Arguments": task.arguments}
    properties = (found for item in expressions_in(read) if (found := step_property(item)))
    return tuple(
        dict.fromkeys(
            (step, property_key(path))
            for step, path in properties
            if not ALWAYS_ANSWERED.fullmatch(path)
        )
    )


def check_state(task: Task, keys: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return JSONata: whether all properties are there, and the record of the task if one is not.

    A comparison with a missing value is false, its negation true, and a text swallows it: none of them
    fails, so a gate would be passed.
    """
    values = {f"{step} has no {key}": member(record(step), key) for step, key in keys}
    there = " and ".join(_is_there(value) for value in values.values())
    missing = ", ".join(
        f"{_is_there(value)} ? '' : {literal(f'{text}; ')}" for text, value in values.items()
    )
    return there, recorded(task.name, {REASON: f"$join([{missing}])"})


def _is_there(value: str) -> str:
    return f"($exists({value}) and {value} != null)"


def condition(conditions: Iterable[Json]) -> str:
    """Return the JSONata that tells whether all conditions of the definition hold."""
    return " and ".join(_condition(item) for item in conditions) or "true"


def group_states(task: Task) -> tuple[Json, Json]:
    """Return the states that look for a model package group and that make it."""
    group = {"ModelPackageGroupName": template(task.arguments["ModelPackageGroupName"])}
    kept = {"Arguments": group, "Output": code(INPUT)}
    return (
        {"Type": "Task", "Resource": resource(AWS_SDK, "describeModelPackageGroup"), **kept},
        {"Type": "Task", "Resource": resource(AWS_SDK, "createModelPackageGroup"), **kept},
    )


def _without(arguments: Json, call: ServiceCall) -> Json:
    return {key: value for key, value in arguments.items() if key != call.name_member}


def _condition(item: Json) -> str:
    kind = item["Type"]
    if kind == "Not":
        return f"$not({_condition(item['Condition'])})"
    if kind in ("Or", "And"):
        return f"({f' {kind.lower()} '.join(map(_condition, item['Conditions']))})"
    if kind == "In":
        values = ", ".join(map(rendered, item["Values"]))
        return f"{_side(item['QueryValue'])} in [{values}]"
    return f"{_side(item['LeftValue'])} {COMPARISONS[kind]} {_side(item['RightValue'])}"


def _side(value: Any) -> str:
    text = rendered(value)
    return f"({text})" if " & " in text else text
