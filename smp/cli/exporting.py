"""The command that writes a pipeline down for another engine: export.

Nothing is written if the engine cannot express the pipeline.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from smp.cli.console import write_output
from smp.cli.workspace import Commands, add_models_option, add_workspace_option

if TYPE_CHECKING:
    from smp.definition.compiled import CompiledPipeline
    from smp.export.bundle import Exported, Values

VALUES = "values.json"
CODE = "code"


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    export = commands.add_parser(
        "export",
        help="write a pipeline for Step Functions or Airflow",
        description="Write one pipeline as another engine runs it, with the code of its jobs and the "
        "policies of its roles. Values that only a deployment knows are names in the files, like "
        "${smp:bucket}; values.json lists these names. With --values they are replaced.",
    )
    export.add_argument("target", metavar="TARGET", choices=sorted(TARGETS), help=_targets())
    export.add_argument("pipeline", metavar="PIPELINE", help="name, as `smp list` shows it")
    export.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="directory to write into"
    )
    export.add_argument(
        "--mode",
        choices=("steps", "start"),
        help="for Airflow: 'steps' runs each step as a task, 'start' starts the SageMaker pipeline and "
        "shows its steps (default: the pipeline's targets decide, else steps)",
    )
    export.add_argument(
        "--values", metavar="FILE", type=Path, help="JSON file with the values, as values.json is"
    )
    add_workspace_option(export)
    add_models_option(export)
    export.set_defaults(run=_export)


def _targets() -> str:
    return " or ".join(sorted(TARGETS))


def _step_functions(compiled: CompiledPipeline) -> Exported:
    from smp.export.stepfunctions.export import export_state_machine

    return export_state_machine(compiled)


def _airflow(compiled: CompiledPipeline) -> Exported:
    from smp.export.airflow.export import export_dag

    return export_dag(compiled)


def _mwaa_serverless(compiled: CompiledPipeline) -> Exported:
    from smp.export.airflow.export import export_serverless

    return export_serverless(compiled)


TARGETS: Mapping[str, Callable[[CompiledPipeline], Exported]] = {
    "airflow": _airflow,
    "mwaa-serverless": _mwaa_serverless,
    "stepfunctions": _step_functions,
}
"""What each target makes of a pipeline."""


def _export(arguments: argparse.Namespace) -> int:
    from smp.cli.pipelines import compile_one
    from smp.errors import Problem, SetupError
    from smp.export.bundle import json_text, needed_values, read_values

    if arguments.mode and arguments.target == "stepfunctions":
        raise SetupError([Problem("--mode is for Airflow: a state machine runs the steps")])
    compiled = compile_one(arguments)
    if arguments.mode:
        compiled = replace(compiled, airflow_mode=arguments.mode)
    if arguments.target != "stepfunctions" and compiled.airflow_mode == "start":
        compiled = replace(compiled, code=())  # the jobs are those of the deployed pipeline
    exported = TARGETS[arguments.target](compiled)
    needed = needed_values(compiled, exported)
    values = read_values(arguments.values, needed, compiled) if arguments.values else None
    files = _texts(exported, values)
    if values is None:
        files[VALUES] = json_text(needed)
    _write(arguments.output, files)
    _write_code(arguments.output, compiled, values)
    write_output(_summary(arguments.output, compiled, exported, files, needed, values))
    return 0


def _texts(exported: Exported, values: Values | None) -> dict[str, str]:
    from smp.export.bundle import policy_text, put_in

    texts = {
        name: text if values is None else put_in(text, values)
        for name, text in exported.files.items()
    }
    return texts | {
        name: policy_text(statements, values) for name, statements in exported.policies.items()
    }


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _write_code(directory: Path, compiled: CompiledPipeline, values: Values | None) -> None:
    """Write the code of the jobs; that of an earlier export goes."""
    from smp.export.bundle import code_files

    shutil.rmtree(directory / CODE, ignore_errors=True)
    for name, content in code_files(compiled, values):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _summary(
    directory: Path,
    compiled: CompiledPipeline,
    exported: Exported,
    files: Mapping[str, str],
    needed: Mapping[str, object],
    values: Values | None,
) -> str:
    """Return what was written, what the target does differently, and what to do next."""
    trees = len(compiled.code)
    lines = [f"{directory / name}" for name in files]
    if trees:
        lines.append(f"{directory / CODE}: {trees} {'tree' if trees == 1 else 'trees'} of code")
    if values is None:
        lines.append(f"{len(needed)} values are to be filled in")
    if exported.differences:
        lines += ["", "done differently there:", *(f"  {text}" for text in exported.differences)]
    following = exported.following[1:] if values is not None else exported.following
    numbered = (f"  {number}. {text}" for number, text in enumerate(following, start=1))
    return "\n".join([*lines, "", "next:", *numbered]) + "\n"
