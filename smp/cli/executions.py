"""The commands for executions of deployed pipelines: start, status, stop, and the deployed part of logs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smp.cli.aws_options import add_aws_options, aws_arguments, open_session
from smp.cli.console import write_json, write_output
from smp.cli.workspace import Commands
from smp.errors import Problem, RunError, near_names

if TYPE_CHECKING:
    from smp.aws.executions import DeployedPipeline, Execution, Step
    from smp.aws.start import Start

PIPELINE_HELP = "name of a deployed pipeline"
EXECUTION_HELP = "id of an execution, the beginning of one, or its ARN (default: the newest)"
INTERVAL_SECONDS = 15.0


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_start(commands)
    _add_status(commands)
    _add_stop(commands)


def _add_start(commands: Commands) -> None:
    start = commands.add_parser(
        "start",
        help="start executions of deployed pipelines",
        description="Start an execution of each named pipeline, which must be deployed. All of them are "
        "checked first: if one cannot be started, none is.",
    )
    start.add_argument("pipelines", metavar="PIPELINE", nargs="*", help=PIPELINE_HELP)
    start.add_argument(
        "--assembly", metavar="DIR", type=Path, help="start every pipeline of an assembly (cdk.out)"
    )
    start.add_argument(
        "--once",
        action="store_true",
        help="start nothing where an execution of the same definition exists, whatever its state",
    )
    start.add_argument("--commit", metavar="ID", help="commit to name in the description")
    start.add_argument(
        "--param",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="value of a pipeline parameter; may be given several times",
    )
    _add_wait(start)
    add_aws_options(start)
    start.set_defaults(run=_start)


def _add_wait(start: argparse.ArgumentParser) -> None:
    start.add_argument(
        "--wait",
        action="store_true",
        help="wait for the end; exit status 1 where an execution did not succeed",
    )
    start.add_argument(
        "--timeout",
        metavar="MINUTES",
        type=_positive,
        help="stop waiting after this time, with exit status 1; the executions continue",
    )
    _add_interval(start)


def _add_status(commands: Commands) -> None:
    status = commands.add_parser(
        "status",
        help="show how an execution of a deployed pipeline goes",
        description="Show an execution of a deployed pipeline: its steps, what failed and why, and "
        "the executions before it.",
    )
    status.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE_HELP)
    status.add_argument("--execution", metavar="ID", help=EXECUTION_HELP)
    status.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_aws_options(status)
    status.set_defaults(run=_status)


def _add_stop(commands: Commands) -> None:
    stop = commands.add_parser(
        "stop",
        help="stop an execution of a deployed pipeline",
        description="Ask a running execution to stop. Its jobs take a while to end.",
    )
    stop.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE_HELP)
    stop.add_argument(
        "--execution", metavar="ID", help="which one (default: the one that is running)"
    )
    add_aws_options(stop)
    stop.set_defaults(run=_stop)


def add_log_options(logs: argparse.ArgumentParser) -> None:
    """Add the options of `smp logs` that are about deployed pipelines."""
    deployed = logs.add_argument_group("logs of deployed pipelines")
    deployed.add_argument(
        "--deployed", action="store_true", help="do not look for a run of this machine first"
    )
    deployed.add_argument("--execution", metavar="ID", help=EXECUTION_HELP)
    deployed.add_argument("--follow", action="store_true", help="continue until the step has ended")
    _add_interval(deployed)
    add_aws_options(deployed)


def _add_interval(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--interval",
        metavar="SECONDS",
        type=_positive,
        default=INTERVAL_SECONDS,
        help=f"time between two looks (default: {INTERVAL_SECONDS:.0f})",
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def _sagemaker(arguments: argparse.Namespace) -> Any:
    from smp.aws.session import client

    return client(open_session(arguments), "sagemaker")


def _start(arguments: argparse.Namespace) -> int:
    from smp.aws.show import started_text
    from smp.aws.start import names_of_assembly, start_pipelines
    from smp.definition.parameters import read_assignments

    names = list(arguments.pipelines)
    if arguments.assembly is not None:
        names += names_of_assembly(arguments.assembly)
    if not names and arguments.assembly is not None:
        write_output("none of the assembly's pipelines runs on SageMaker: nothing is started\n")
        return 0
    if not names:
        hint = "smp start PIPELINE, or smp start --assembly cdk.out"
        raise RunError([Problem("no pipeline is named", hint=hint)])
    given = read_assignments(arguments.param)
    sagemaker = _sagemaker(arguments)
    starts = []
    options = {"once": arguments.once, "commit": arguments.commit}
    for start in start_pipelines(sagemaker, names, given, **options):
        write_output(started_text(start, aws_arguments(arguments)))
        starts.append(start)
    return _wait(sagemaker, starts, arguments) if arguments.wait else 0


def _wait(sagemaker: Any, starts: Sequence[Start], arguments: argparse.Namespace) -> int:
    from smp.aws.executions import SUCCEEDED
    from smp.aws.jobs import failure_reason
    from smp.aws.progress import progress_for
    from smp.aws.show import ending_text
    from smp.aws.wait import wait_for

    try:
        seen = wait_for(
            sagemaker,
            [(start.pipeline, start.execution) for start in starts],
            progress_for(sys.stderr),
            interval=arguments.interval,
            timeout=arguments.timeout and arguments.timeout * 60,
        )
    except KeyboardInterrupt:
        print("\nsmp: the executions continue; smp stop ends them", file=sys.stderr)
        raise
    reason = partial(failure_reason, sagemaker)
    running = [(pipeline, execution) for pipeline, execution, _ in seen if not execution.has_ended]
    for pipeline, execution, steps in seen:
        if execution.has_ended:
            text = ending_text(pipeline, execution, steps, reason, aws_arguments(arguments))
            write_output(text)
    if running:
        raise RunError([_time_is_up(*item, minutes=arguments.timeout) for item in running])
    return 0 if all(execution.status == SUCCEEDED for _, execution, _ in seen) else 1


def _time_is_up(pipeline: DeployedPipeline, execution: Execution, *, minutes: float) -> Problem:
    return Problem(
        f"{pipeline.name}: execution {execution.id} has not ended after {minutes:g} minutes",
        hint=f"it continues: smp status {pipeline.name} --execution {execution.id}; smp stop ends it",
    )


def _status(arguments: argparse.Namespace) -> int:
    from smp.aws import executions as service
    from smp.aws.jobs import failure_reason
    from smp.aws.show import status_fields, status_text

    sagemaker = _sagemaker(arguments)
    pipeline = service.describe_pipeline(sagemaker, arguments.pipeline)
    found = service.find_execution(sagemaker, pipeline, arguments.execution)
    shown = (
        pipeline,
        service.describe_execution(sagemaker, found),
        service.list_steps(sagemaker, found),
        service.list_parameters(sagemaker, found),
        list(service.list_executions(sagemaker, pipeline)),
        partial(failure_reason, sagemaker),
    )
    if arguments.format == "json":
        write_json(status_fields(*shown))
    else:
        write_output(status_text(*shown, aws_arguments(arguments)))
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    from smp.aws import executions as service

    sagemaker = _sagemaker(arguments)
    pipeline = service.describe_pipeline(sagemaker, arguments.pipeline)
    if arguments.execution:
        chosen = service.find_execution(sagemaker, pipeline, arguments.execution)
    else:
        every = service.list_executions(sagemaker, pipeline)
        running = [item for item in every if not item.has_ended]
        if len(running) > 1:
            raise RunError([_which(pipeline.name, running)])
        if not running:
            write_output(f"{pipeline.name}: no execution is running\n")
            return 0
        (chosen,) = running
    if chosen.has_ended:
        write_output(f"{pipeline.name}: execution {chosen.id} has ended ({chosen.status})\n")
        return 0
    service.stop_execution(sagemaker, chosen)
    write_output(f"{pipeline.name}: execution {chosen.id} is stopping\n")
    return 0


def _which(name: str, running: Iterable[Execution]) -> Problem:
    ids = ", ".join(execution.id for execution in running)
    hint = f"name one: smp stop {name} --execution ID"
    return Problem(f"{name} has several running executions", allowed=ids, hint=hint)


def print_deployed_log(arguments: argparse.Namespace) -> int:
    """Print the log of a step of a deployed pipeline; `arguments.run_id` is the pipeline's name."""
    from smp.aws import executions as service
    from smp.aws.job_logs import JobLog, follow, no_log
    from smp.aws.jobs import job_name
    from smp.aws.session import client

    session = open_session(arguments)
    sagemaker = client(session, "sagemaker")
    pipeline = service.describe_pipeline(sagemaker, arguments.run_id)
    execution = service.find_execution(sagemaker, pipeline, arguments.execution)

    def look() -> Step:
        steps = service.list_steps(sagemaker, execution)
        return _step_of(pipeline, execution, steps, arguments.step)

    step = look()
    log = JobLog(client(session, "logs"), step, job_name(sagemaker, step), arguments.trial)
    if arguments.follow:
        lines = follow(log, lambda: look().status in service.ENDED, arguments.interval)
    else:
        lines = log.lines()
    count = 0
    for line in lines:
        count += 1
        write_output(f"[{line.stream}] {line.text}\n" if log.has_several else f"{line.text}\n")
    if not count:
        raise no_log(log, step)
    return 0


def _step_of(
    pipeline: DeployedPipeline, execution: Execution, steps: Sequence[Step], name: str
) -> Step:
    from smp.definition.compiled import nested_steps

    found = [step for step in steps if step.name == name]
    if found:
        return found[-1]
    names = [str(step["Name"]) for step in nested_steps(pipeline.definition["Steps"])]
    if name in names and not execution.has_ended:
        raise RunError([Problem(f"{name} has not begun in execution {execution.id}")])
    if name in names:
        iterations = [step.name for step in steps if re.fullmatch(rf"{name}-\d+", step.name)]
        hint = (
            f"it ran once for each item of a loop: {', '.join(iterations)}" if iterations else None
        )
        raise RunError([Problem(f"{name} did not run in execution {execution.id}", hint=hint)])
    reason = f"{pipeline.name} has no step '{name}'"
    raise RunError([Problem(reason, allowed=", ".join(names), hint=near_names(name, names))])
