"""The commands that look at local runs and the models they registered."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from smp.cli.console import copy_to_output, print_message, write_json, write_output
from smp.cli.executions import add_log_options, print_deployed_log
from smp.cli.running import add_mlflow_option
from smp.cli.workspace import Commands, add_workspace_option, places_of
from smp.errors import Problem, SetupError

if TYPE_CHECKING:
    from smp.local.store.model_registry import Registry
    from smp.local.store.run_store import Run

RUN_ID = re.compile(r"\d{8}(-\d{6}(-[0-9a-f]*)?)?$|last$")
RUN_HELP = "id of a run, the beginning of one, or `last`"


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    runs = commands.add_parser("runs", help="list the runs on this machine, newest first")
    runs.set_defaults(run=_runs)
    show = commands.add_parser("show", help="show one run: steps, metrics, artifacts")
    show.add_argument("run_id", metavar="RUN", help=RUN_HELP)
    show.set_defaults(run=_show)
    compare = commands.add_parser("compare", help="show what differs between two runs")
    compare.add_argument("before", metavar="RUN", help=RUN_HELP)
    compare.add_argument("after", metavar="RUN", help=RUN_HELP)
    compare.set_defaults(run=_compare)
    report = commands.add_parser("report", help="write a run's report, one HTML file")
    report.add_argument("run_id", metavar="RUN", help=RUN_HELP)
    report.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="default: report.html of the run"
    )
    report.set_defaults(run=_report)
    logs = commands.add_parser(
        "logs",
        help="print the log of a step, of a run or a deployed pipeline",
        description="Print the log of a step: of a run on this machine, or where there is none of "
        "that name, of an execution of a deployed pipeline.",
    )
    logs.add_argument("run_id", metavar="RUN|PIPELINE", help=f"{RUN_HELP}; or a pipeline's name")
    logs.add_argument("step", metavar="STEP")
    logs.add_argument(
        "--trial",
        metavar="NAME",
        nargs="?",
        const="",
        help="a training job of a tuning step, by a part of its name; without NAME, list them",
    )
    add_log_options(logs)
    logs.set_defaults(run=_logs)
    mlflow = commands.add_parser("mlflow", help="log a run to MLflow, for the first time or again")
    mlflow.add_argument("run_id", metavar="RUN", help=RUN_HELP)
    add_mlflow_option(mlflow, "--uri")
    mlflow.set_defaults(run=_mlflow)
    for command in (runs, show, compare, report, logs, mlflow):
        add_workspace_option(command)
    for command in (runs, show, compare):
        _add_format(command)
    _add_models(commands)


def _add_models(commands: Commands) -> None:
    models = commands.add_parser("models", help="work with the local model registry")
    actions = models.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the groups, or the versions of one")
    listing.add_argument("group", metavar="GROUP", nargs="?")
    listing.set_defaults(run=_models_list)
    show = actions.add_parser("show", help="show a version with its metrics, as JSON")
    show.set_defaults(run=_models_show)
    approve = actions.add_parser("approve", help="approve a version")
    approve.set_defaults(run=_models_decide, status="Approved")
    reject = actions.add_parser("reject", help="reject a version")
    reject.set_defaults(run=_models_decide, status="Rejected")
    for action in (show, approve, reject):
        action.add_argument("group", metavar="GROUP")
        action.add_argument(
            "version", metavar="VERSION", nargs="?", type=int, help="default: the newest"
        )
    for action in (approve, reject):
        action.add_argument("--because", metavar="TEXT", default="", help="recorded with it")
    for action in (listing, show, approve, reject):
        add_workspace_option(action)
    _add_format(listing)


def _add_format(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def _get(arguments: argparse.Namespace, run_id: str) -> Run:
    from smp.local.store.run_store import RunStore

    return RunStore(places_of(arguments).runs).get(run_id)


def _runs(arguments: argparse.Namespace) -> int:
    from smp.local.show.text import runs_fields, runs_table
    from smp.local.store.run_store import RunStore

    runs = RunStore(places_of(arguments).runs).all()
    if arguments.format == "json":
        write_json(runs_fields(runs))
    else:
        write_output(runs_table(runs))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from smp.local.show.text import show_fields, show_run

    run, places = _get(arguments, arguments.run_id), places_of(arguments)
    if arguments.format == "json":
        write_json(show_fields(run, places))
    else:
        write_output(show_run(run, places))
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from smp.local.show.compare import compare_runs, comparison

    before, after = _get(arguments, arguments.before), _get(arguments, arguments.after)
    places = places_of(arguments)
    if arguments.format == "json":
        write_json(comparison(before, after, places))
    else:
        write_output(compare_runs(before, after, places))
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from smp.local.report import render_report

    run, places = _get(arguments, arguments.run_id), places_of(arguments)
    target = arguments.output or run.directory / "report.html"
    write_output(
        render_report(run, run.unrolled(places.code), places, target.parent.resolve()), target
    )
    write_output(f"{target}\n")
    return 0


def _logs(arguments: argparse.Namespace) -> int:
    if arguments.deployed or arguments.execution:
        return print_deployed_log(arguments)
    if not _may_be_run(arguments):
        return _log_of_no_run(arguments)
    run = _get(arguments, arguments.run_id)
    path = run.require_log(arguments.step)
    trials = run.trial_logs(arguments.step)
    if arguments.trial == "" and len(trials) > 1:
        write_output("".join(f"{name}\n" for name in trials))
        return 0
    if arguments.trial is not None:
        path = run.require_trial_log(arguments.step, arguments.trial)
    elif trials:
        shown = f"smp logs {run.id} {arguments.step} --trial [NAME]"
        print_message(f"its {len(trials)} trials have their own logs: {shown}")
    copy_to_output(path)
    return 0


def _log_of_no_run(arguments: argparse.Namespace) -> int:
    try:
        return print_deployed_log(arguments)
    except SetupError as error:
        reason = f"'{arguments.run_id}' is not a local run, so a deployed pipeline was looked for"
        hint = "smp runs lists the local runs"
        raise type(error)([Problem(reason, hint=hint), *error.problems]) from error


def _may_be_run(arguments: argparse.Namespace) -> bool:
    """Whether the name is that of a run, or has the form of one: such is never sought in AWS."""
    from smp.local.store.run_store import RunStore

    name: str = arguments.run_id
    ids = [run.id for run in RunStore(places_of(arguments).runs).all()]
    return RUN_ID.match(name) is not None or any(i.startswith(name) for i in ids)


def _mlflow(arguments: argparse.Namespace) -> int:
    from smp.local.mlflow.export import export_run

    run = _get(arguments, arguments.run_id)
    if not arguments.tracking_uri:
        raise SetupError(
            [
                Problem(
                    "no MLflow server or store is named",
                    hint=f"smp mlflow {run.id} --uri URI, or set MLFLOW_TRACKING_URI",
                )
            ]
        )
    write_output(f"{export_run(run, places_of(arguments), arguments.tracking_uri)}\n")
    return 0


def _registry(arguments: argparse.Namespace) -> Registry:
    from smp.local.store.model_registry import Registry

    return Registry(places_of(arguments).registry)


def _models_list(arguments: argparse.Namespace) -> int:
    from smp.local.show.text import groups_table, versions_table

    registry, group = _registry(arguments), arguments.group
    found = registry.list_versions(group) if group else registry.list_groups()
    if arguments.format == "json":
        write_json(found)
    else:
        write_output(versions_table(found) if group else groups_table(found))
    return 0


def _version(registry: Registry, arguments: argparse.Namespace) -> int:
    if arguments.version is not None:
        return int(arguments.version)
    return int(registry.list_versions(arguments.group)[0]["ModelPackageVersion"])


def _models_show(arguments: argparse.Namespace) -> int:
    from smp.local.store.object_store import ObjectStore

    registry = _registry(arguments)
    store = ObjectStore(places_of(arguments).buckets)
    write_json(registry.show(arguments.group, _version(registry, arguments), store))
    return 0


def _models_decide(arguments: argparse.Namespace) -> int:
    registry = _registry(arguments)
    version = _version(registry, arguments)
    package = registry.set_approval(arguments.group, version, arguments.status, arguments.because)
    write_output(f"{arguments.group} version {version}: {package['ModelApprovalStatus']}\n")
    return 0
