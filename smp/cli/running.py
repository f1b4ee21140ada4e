"""The commands that run pipelines on this machine: run and stage."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from smp.cli.console import print_message, write_output
from smp.cli.workspace import (
    Commands,
    add_models_option,
    add_workspace_option,
    load_workspace,
    places_of,
)
from smp.errors import Problem, RunError, SetupError, SmpError

if TYPE_CHECKING:
    from smp.compiler.cache.recall import Prepared
    from smp.config.project import Model
    from smp.definition.compiled import CompiledPipeline
    from smp.local.engine.run import Machine
    from smp.local.engine.step_runner import RunOptions
    from smp.local.sandbox.base import Sandbox
    from smp.local.store.places import Places
    from smp.local.store.run_store import RunRecord

KEPT_OPTIONS = ("fresh", "assignments")
"""What a run that is resumed keeps of the options that it began with."""
LOCAL_REQUIREMENTS = "requirements-local.txt"
PREPARE_SCRIPT = "prepare_data.py"
CHUNK_BYTES = 1 << 16
LOCAL_URI = "s3://local"
"""The bucket that replaces the project's in local runs."""


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_run(commands)
    _add_stage(commands)


def _add_run(commands: Commands) -> None:
    run = commands.add_parser(
        "run",
        help="run a pipeline on this machine",
        description="Run the compiled definition of a pipeline on this machine: no AWS account, no "
        "Docker, no network.",
    )
    run.add_argument("pipeline", metavar="PIPELINE", help="name, as `smp list` shows it")
    run.add_argument(
        "--param",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="value of a pipeline parameter; may be given several times",
    )
    run.add_argument(
        "--jobs",
        metavar="N",
        type=_number_of_steps,
        default=os.cpu_count() or 1,
        help="steps that run at once (default: the number of cores)",
    )
    run.add_argument(
        "--fresh", action="store_true", help="run every step, even if a result is cached"
    )
    run.add_argument(
        "--cache",
        choices=("content", "sagemaker"),
        default="content",
        help="when to reuse a result: if the content of the inputs and the packages are the same too "
        "(default), or by SageMaker's own rule, which compares addresses only",
    )
    which = run.add_mutually_exclusive_group()
    which.add_argument(
        "--from", dest="start", metavar="STEP", help="run this step and all after it"
    )
    which.add_argument("--only", metavar="STEP", help="run this step alone")
    which.add_argument(
        "--resume", metavar="RUN", help="continue with an interrupted run from its finished steps"
    )
    run.add_argument(
        "--old-code",
        action="store_true",
        help="with --resume: continue although files changed since, with the code, configs, packages "
        "and results that the run has",
    )
    run.add_argument(
        "--sandbox", metavar="KIND", help="how jobs are kept apart (default: by probing)"
    )
    run.add_argument("--network", action="store_true", help="give jobs the network of this machine")
    run.add_argument(
        "--keep", action="store_true", help="keep the working directories of finished steps"
    )
    run.add_argument(
        "--grace",
        metavar="SECONDS",
        type=_seconds,
        default=120.0,
        help="time between SIGTERM and SIGKILL for a job that is to end (default: 120)",
    )
    add_mlflow_option(run, "--mlflow")
    add_workspace_option(run)
    add_models_option(run)
    run.set_defaults(run=_run)


def _add_stage(commands: Commands) -> None:
    stage = commands.add_parser(
        "stage",
        help="put a pipeline's data where the local run reads it",
        description=f"Run {PREPARE_SCRIPT} of each model of a pipeline, in the model's own "
        "environment, and put what it writes into the local bucket.",
    )
    stage.add_argument("pipeline", metavar="PIPELINE", help="name, as `smp list` shows it")
    add_workspace_option(stage)
    add_models_option(stage)
    stage.set_defaults(run=_stage)


def add_mlflow_option(command: argparse.ArgumentParser, name: str) -> None:
    """Add the option for the tracking server of a run; a command stores it as `tracking_uri`."""
    command.add_argument(
        name,
        dest="tracking_uri",
        metavar="URI",
        default=os.environ.get("MLFLOW_TRACKING_URI"),
        help="MLflow server or store that the run is logged to (default: $MLFLOW_TRACKING_URI)",
    )


def _number_of_steps(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of steps")
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def _run(arguments: argparse.Namespace) -> int:
    _refuse_beside_resume(arguments)
    from smp.local.sandbox.guarded import start_watchdog

    start_watchdog()
    record = _resume(arguments) if arguments.resume else _start(arguments)

    from smp.local.store.run_store import SUCCEEDED

    _export(record.id, places_of(arguments), arguments.tracking_uri)
    return 0 if record.status == SUCCEEDED else 1


def _start(arguments: argparse.Namespace) -> RunRecord:
    from smp.cli.preparation import get_ready

    prepared, sandbox = get_ready(arguments)

    from smp.definition.parameters import parameter_values, read_assignments
    from smp.local.engine.run import start_run
    from smp.local.store.places import local_parameters

    compiled = prepared.compiled
    python_of = _requirements_finder(compiled, prepared.model_directories)
    machine = _machine(arguments, compiled, sandbox, python_of)
    known = {**compiled.definition, **local_parameters(compiled)}
    return start_run(
        compiled,
        replace(machine, requirements=requirements_of(prepared)),
        parameters=parameter_values(known, read_assignments(arguments.param)),
        only=arguments.only,
        start=arguments.start,
    )


def _resume(arguments: argparse.Namespace) -> RunRecord:
    from smp.cli.resuming import run_to_resume

    run, sandbox = run_to_resume(arguments)

    from smp.local.engine.run import resume_run

    compiled, given = run.compiled(places_of(arguments).code), run.record().options
    machine = _machine(
        arguments,
        compiled,
        sandbox,
        lambda step: run.requirements_path(compiled.step_models[step]),
    )
    kept = {name: given[name] for name in KEPT_OPTIONS if name in given}
    return resume_run(run, replace(machine, options=replace(machine.options, **kept)))


def _machine(
    arguments: argparse.Namespace,
    compiled: CompiledPipeline,
    sandbox: Sandbox,
    requirements: Callable[[str], Path],
) -> Machine:
    """Return what a run runs with; `requirements` maps a step to the file that lists its packages."""
    from smp.local.engine.run import Machine
    from smp.local.jobs.environments import Environments
    from smp.local.show.progress import progress_for

    places = places_of(arguments)
    if sandbox.leaks:
        leaks = "".join(f"\n    {leak}" for leak in sandbox.leaks)
        print_message(
            f"warning: jobs run in the sandbox '{sandbox.name}', which does not hold them:{leaks}"
        )
    _end_as_with_ctrl_c()
    progress = progress_for(sys.stderr, places, compiled)
    environments = Environments(places.environments, progress.note)

    def python_of(step: str) -> Path:
        return environments.bin_of(requirements(step))

    return Machine(places, _options(arguments), sandbox, python_of, progress)


def _requirements_finder(
    compiled: CompiledPipeline, directories: Mapping[str, Path]
) -> Callable[[str], Path]:
    return lambda step: directories[compiled.step_models[step]] / LOCAL_REQUIREMENTS


def requirements_of(prepared: Prepared) -> dict[str, str]:
    """Return the text of the requirements of each model of a pipeline that has any."""
    models = sorted(set(prepared.compiled.step_models.values()))
    files = {name: prepared.model_directories[name] / LOCAL_REQUIREMENTS for name in models}
    return {name: file.read_text("utf-8") for name, file in files.items() if file.is_file()}


def _refuse_beside_resume(arguments: argparse.Namespace) -> None:
    """Refuse what only a run that begins can be given; raises RunError."""
    if not arguments.resume:
        if arguments.old_code:
            raise RunError([Problem("--old-code is for --resume RUN", hint="leave it out")])
        return
    given = [(f"--param {text}", "its parameters") for text in arguments.param]
    if arguments.fresh:
        given.append(("--fresh", "the results of its finished steps"))
    hint = "begin a new run, without --resume"
    problems = [
        Problem(f"a resumed run keeps {what}", found=option, hint=hint) for option, what in given
    ]
    if problems:
        raise RunError(problems)


def _export(run_id: str, places: Places, uri: str | None) -> None:
    """Log a run to MLflow where that is asked for; what goes wrong there is a warning."""
    if not uri:
        return
    from smp.local.mlflow.export import export_run
    from smp.local.store.run_store import RunStore

    try:
        print_message(export_run(RunStore(places.runs).get(run_id), places, uri))
    except SmpError as error:
        print_message(f"warning: {error}")


def _end_as_with_ctrl_c() -> None:
    """Let a request to end, and a terminal that is closed, do what Ctrl-C does; `nohup` holds."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _hang_up)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _hang_up(*_: object) -> None:
    """End once: the system and the shell both report a closed terminal, which is not a second Ctrl-C."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise KeyboardInterrupt


def _options(arguments: argparse.Namespace) -> RunOptions:
    from smp.local.engine.step_runner import RunOptions

    return RunOptions(
        jobs=arguments.jobs,
        fresh=arguments.fresh,
        cache=arguments.cache,
        network=arguments.network,
        grace_seconds=arguments.grace,
        keep=arguments.keep,
        where=_where(arguments),
        assignments=tuple(arguments.param),
    )


def _where(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the options that select the configs, valid in any directory."""
    named = {"--environment": arguments.environment, "--models": arguments.models}
    if arguments.workspace != Path():
        named["--workspace"] = str(arguments.workspace.resolve())
    return tuple(text for name, value in named.items() if value for text in (name, value))


def _stage(arguments: argparse.Namespace) -> int:
    from smp.graph import build_graph
    from smp.local.store.places import BUCKET
    from smp.text.human import counted

    project = load_workspace(arguments)
    places = places_of(arguments)
    models = build_graph(project, arguments.pipeline).models
    prepared = [model for model in models if (model.directory / PREPARE_SCRIPT).is_file()]
    if not prepared:
        raise RunError(
            [
                Problem(
                    f"no model of {arguments.pipeline} has a {PREPARE_SCRIPT}",
                    hint=f"put the data there yourself: smp s3 put PATH {LOCAL_URI}/KEY",
                )
            ]
        )
    staged = sum(_stage_model(model, places) for model in prepared)
    if not staged:
        raise RunError(
            [
                Problem(
                    f"{PREPARE_SCRIPT} of {', '.join(model.name for model in prepared)} wrote no file",
                    hint="what it writes below its argument --output is staged",
                )
            ]
        )
    write_output(f"staged {counted(staged, 'file')} under {places.buckets / BUCKET}\n")
    return 0


def _stage_model(model: Model, places: Places) -> int:
    """Run a model's data script and put what it wrote into the local bucket; return the file count."""
    import tempfile

    from smp.local.jobs.environments import Environments
    from smp.local.sandbox.guarded import start_guarded
    from smp.local.store.staging import stage_tree

    python = Environments(places.environments, print_message).bin_of(
        model.directory / LOCAL_REQUIREMENTS
    )
    print_message(f"{model.name}: {PREPARE_SCRIPT}")
    with tempfile.TemporaryDirectory() as directory:
        command = [str(python / "python"), str(model.directory / PREPARE_SCRIPT)]
        started = start_guarded([*command, "--output", directory], dict(os.environ))
        try:
            while read := os.read(started.process.output.fileno(), CHUNK_BYTES):
                os.write(sys.stderr.fileno(), read)
            code = started.process.wait()
        finally:
            started.cleanup()
        if code != 0:
            raise SetupError(f"{model.directory / PREPARE_SCRIPT} ended with {code}")
        staged = stage_tree(model.name, Path(directory), places)
    for uri in staged.removed:
        print_message(f"removed {uri}: {PREPARE_SCRIPT} of {model.name} does not write it any more")
    return staged.count
