"""The command that shows the origin of a value: explain."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from smp.cli.console import write_json, write_output
from smp.cli.workspace import (
    Commands,
    add_models_option,
    add_workspace_option,
    load_workspace,
)

if TYPE_CHECKING:
    from smp.config.sections.parameters import ParameterConfig
    from smp.review.explain import Explained


def add_commands(commands: Commands) -> None:
    """Add the command of this module."""
    command = commands.add_parser(
        "explain",
        help="show where a value of a config came from",
        description="Show the value that is in effect, where it came from (file, line and column, the "
        "section of an environment, a variable, a default) and whether it may vary from execution to "
        "execution. A path of several values lists them.",
    )
    command.add_argument(
        "value",
        metavar="VALUE",
        help="path that begins with a model or a pipeline: MODEL.train.instance_type, PIPELINE",
    )
    command.add_argument(
        "--pipeline",
        metavar="PIPELINE",
        help="show the parameters of this pipeline only (default: of each that uses the model)",
    )
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_workspace_option(command)
    add_models_option(command)
    command.set_defaults(run=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    from smp.review.explain import explain

    found = explain(load_workspace(arguments), arguments.value, arguments.pipeline)
    if arguments.format == "json":
        write_json([_fields(item) for item in found])
    elif len(found) == 1:
        write_output("".join(f"{line}\n" for line in _details(found[0])))
    else:
        write_output(_table(found))
    return 0


def _fields(item: Explained) -> dict[str, Any]:
    """Return a value as JSON; what does not apply is null."""
    place = item.place
    parameters = {
        pipeline: [parameter.model_dump(mode="json") for parameter in found]
        for pipeline, found in (item.parameters or {}).items()
    }
    return {
        "path": item.path,
        "value": item.value,
        "origin": "default" if place is None else "environment" if item.environment else "file",
        "place": asdict(place) if place else None,
        "default_of": item.default_of,
        "environment": item.environment,
        "written_path": item.written_path,
        "written": item.written,
        "may_vary": item.varies,
        "parameters": parameters or None,
    }


def _details(item: Explained) -> Iterator[str]:
    yield f"{item.path} = {_shown(item.value)}"
    if item.place is None:
        yield f"    from: the default of {item.default_of}"
    else:
        yield f"    from: {item.place}"
    if item.written_path:
        yield f"    environment: {item.environment}, as {item.written_path}"
    if item.written is not None:
        yield f"    written: {item.written}"
    for pipeline, parameters in (item.parameters or {}).items():
        for parameter in parameters:
            yield f"    parameter: {_parameter(parameter)} of pipeline {pipeline}"
    may = "yes, by a parameter" if item.varies else "no, it is needed when the pipeline is built"
    yield f"    may vary: {may}"


def _parameter(parameter: ParameterConfig) -> str:
    words = [f"{parameter.name}, {parameter.type}"]
    if parameter.default is not None:
        words.append(f"default {_shown(parameter.default)}")
    if parameter.allowed_values:
        words.append(f"one of {', '.join(parameter.allowed_values)}")
    return ", ".join(words)


def _table(found: tuple[Explained, ...]) -> str:
    rows = [(item.path, _shown(item.value), _origin(item)) for item in found]
    path, value = (min(max(len(row[i]) for row in rows), 60) for i in (0, 1))
    lines = (f"{a:<{path}}  {b:<{value}}  {c}".rstrip() for a, b, c in rows)
    return "".join(f"{line}\n" for line in lines)


def _origin(item: Explained) -> str:
    if item.place is None:
        return "default"
    return f"{item.place}" + (f" (environment {item.environment})" if item.environment else "")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
