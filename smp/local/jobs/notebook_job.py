"""Runs a notebook as SageMaker's images do: papermill, in the model's own environment.

It never changes the notebook: the one with its output is another file.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.definition.notebook_jobs import is_notebook_job, language_of
from smp.errors import Problem, RunError
from smp.local.jobs.context import StepContext, StepFailure
from smp.local.jobs.environments import REQUIREMENTS_FILE
from smp.local.jobs.training import run_training, upload_output

NEEDED = ("papermill", "ipykernel")
"""What runs a notebook, and the kernel for Python: packages of the model's environment."""

SOURCED = """
set -e
cd "$SM_EXECUTION_INPUT_PATH"
if [ -n "$SM_INIT_SCRIPT" ]; then . "./$SM_INIT_SCRIPT"; fi
exec python3 -c "$SMP_RUN_NOTEBOOK"
"""
"""The initialization script is sourced: what it exports, the notebook finds."""

RUN = """
import json, logging, os, sys, tempfile
import papermill
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from papermill.exceptions import PapermillExecutionError

OUTPUT = os.path.join("/opt/ml/output/data", os.environ["SM_OUTPUT_NOTEBOOK_NAME"])
INJECTED = {"injected-parameters", "papermill-error-cell-tag"}


SOCKET = os.path.join(tempfile.mkdtemp(), "kernel")


class KernelManager(AsyncKernelManager):
    if len(SOCKET) < 96:  # the system takes 107 bytes
        transport = "ipc"
        ip = SOCKET


def kernel():
    wanted = os.environ["SM_KERNEL_NAME"]
    if wanted in KernelSpecManager().find_kernel_specs():
        return wanted
    print(f"the kernel '{wanted}' is its image's: python3 of the model's environment runs the notebook")
    return "python3"


def number(cells):
    own = [cell for cell in cells if not INJECTED.intersection(cell["metadata"].get("tags", ()))]
    failed = (cell["metadata"].get("papermill", {}).get("exception") for cell in own)
    return next((index for index, one in enumerate(failed, start=1) if one), len(own))


logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
del os.environ["SMP_RUN_NOTEBOOK"]
with open("/opt/ml/input/config/hyperparameters.json") as file:
    parameters = json.load(file)
try:
    papermill.execute_notebook(
        os.environ["SM_INPUT_NOTEBOOK_NAME"], OUTPUT, parameters=parameters, kernel_name=kernel(),
        language="python", cwd=".", progress_bar=False, log_output=True, kernel_manager_class=KernelManager,
    )
except PapermillExecutionError as error:
    with open(OUTPUT) as file:
        place = number(json.load(file)["cells"])
    said = f"cell {place} raised {error.ename}: {error.evalue}"
    print(said)
    with open("/opt/ml/output/failure", "w") as file:
        file.write(said)
    raise SystemExit(1)
"""


def run_notebook(context: StepContext) -> dict[str, Any]:
    """Run the notebook and return the job's answer; its output is kept also where a cell failed."""
    given = context if context.sandbox.runs_images else replace(context, arguments=_here(context))
    try:
        result = run_training(given)
    except StepFailure as failure:
        kept = upload_output(context)
        if kept is None:
            raise
        raise StepFailure(f"{failure}; the notebook up to there is in {kept}") from failure
    without = {key: value for key, value in result.items() if key != "ModelArtifacts"}
    told = ("AlgorithmSpecification", "Environment")
    return {**without, **{key: context.arguments[key] for key in told}}


def _here(context: StepContext) -> dict[str, Any]:
    """Return the request with papermill's command in place of the image's program."""
    specification = {
        **context.arguments["AlgorithmSpecification"],
        "ContainerEntrypoint": ["/bin/bash", "-c", SOURCED],
    }
    return {
        **context.arguments,
        "AlgorithmSpecification": specification,
        "Environment": {**context.arguments["Environment"], "SMP_RUN_NOTEBOOK": RUN},
    }


def refuse_notebooks(
    compiled: CompiledPipeline, steps: Collection[dict[str, Any]], python_of: Any
) -> None:
    """Raise RunError for notebooks that the environments of their models cannot run."""
    problems = [
        problem
        for step in steps
        if is_notebook_job(step)
        for problem in _problems(compiled, step, python_of(step["Name"]))
    ]
    if problems:
        raise RunError(problems)


def _problems(compiled: CompiledPipeline, step: dict[str, Any], python: Path) -> Iterator[Problem]:
    name = f"step {step['Name']} of {compiled.name}"
    language = language_of(compiled, step)
    if language != "python":
        yield Problem(
            f"{name} is a notebook in {language}, and here is a kernel for Python only",
            hint="run with --sandbox docker, or go around it with --from",
        )
        return
    missing = [package for package in NEEDED if not _has(python, package)]
    if missing:
        yield Problem(
            f"{name} runs a notebook, and its model's environment has no {' and no '.join(missing)}",
            hint=f"put {' and '.join(NEEDED)} into {REQUIREMENTS_FILE} beside the model's conf/, or go "
            "around it with --from",
        )


def _has(python: Path, package: str) -> bool:
    """Tell whether the environment of a `bin` directory has a package."""
    places = {
        sysconfig.get_path(
            kind, "venv", {"base": str(python.parent), "platbase": str(python.parent)}
        )
        for kind in ("purelib", "platlib")
    }
    return any((Path(place) / package / "__init__.py").is_file() for place in places)
