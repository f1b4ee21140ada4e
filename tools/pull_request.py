"""Checks a change as its pull request is checked: `review` against what was, and a `smoke-run`.

It never deploys, and never runs a model repository's file but in the smoke run.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from smp.cli import main as main_of_smp
from smp.cli.environments import known_environments
from smp.config.load import load_project
from smp.errors import Problem, SetupError, SmpError, near_names
from smp.graph import PipelineGraph, build_graphs

ROOT = Path(__file__).resolve().parents[1]
REVIEW = Path("build", "review.md")
PREPARE_SCRIPT = "prepare_data.py"
EQUAL, DIFFERENT = 0, 3

NOT_FOR_SCRIPTS = ("AWS_", "CODEBUILD_", "ACTIONS_", "GITHUB_", "ECS_")
"""Beginnings of the names of variables that lead to credentials: a smoke run goes without them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the checks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools.pull_request")
    parser.add_argument("check", choices=("review", "smoke-run"))
    parser.add_argument("--workspace", type=Path, default=ROOT)
    parser.add_argument(
        "--model", default="", help="directory of the model whose pipelines count; default: all"
    )
    parser.add_argument("--base", default="HEAD", help="what `smp diff` compares with")
    parser.add_argument("--environment", help="read the configs as they are for this environment")
    options, passed_on = parser.parse_known_args(arguments)
    try:
        graphs = concerned(options.workspace, options.model, options.environment)
        if options.check == "review":
            of = ["--environment", options.environment] if options.environment else []
            return review(options.workspace, graphs, options.base, [*of, *passed_on])
        return smoke_run(options.workspace, graphs)
    except SmpError as error:
        print(error, file=sys.stderr)
        return 1


def concerned(workspace: Path, model: str, environment: str | None = None) -> list[PipelineGraph]:
    """Return the pipelines that a model of this directory takes part in; without one, all.

    Raises SetupError where there is no such directory with a configuration.
    """
    graphs = build_graphs(
        load_project(
            workspace,
            environ=os.environ,
            environment=environment,
            environments=known_environments(workspace),
        )
    )
    if not model:
        return list(graphs)
    directories = {found.directory.name for graph in graphs for found in graph.models}
    if model not in directories:
        raise SetupError(
            [
                Problem(
                    f"no pipeline uses a model of the directory '{model}'",
                    allowed=", ".join(sorted(directories)),
                    hint=near_names(model, directories)
                    or f"model_configs/{model}/conf/ holds its configuration",
                )
            ]
        )
    return [graph for graph in graphs if model in {found.directory.name for found in graph.models}]


def review(
    workspace: Path, graphs: Sequence[PipelineGraph], base: str, passed_on: Sequence[str]
) -> int:
    """Write what a change does to these pipelines, as Markdown, and print it."""
    file = workspace / REVIEW
    file.parent.mkdir(exist_ok=True)
    names = [graph.pipeline.config.pipeline_name for graph in graphs]
    place = ["--workspace", str(workspace), "--base", base]
    status = main_of_smp(
        ["diff", *names, *place, "--format", "markdown", "-o", str(file), *passed_on]
    )
    if status not in (EQUAL, DIFFERENT):
        return status
    print(file.read_text("utf-8"))
    return 0


def smoke_run(workspace: Path, graphs: Sequence[PipelineGraph]) -> int:
    """Stage and run each pipeline whose models bring data; returns 1 where one fails."""
    withhold_credentials()
    failed = []
    for graph in graphs:
        name = graph.pipeline.config.pipeline_name
        if not any((model.directory / PREPARE_SCRIPT).is_file() for model in graph.models):
            print(
                f"==> {name}: not run, since none of its models has a {PREPARE_SCRIPT}", flush=True
            )
            continue
        for command in ("stage", "run"):
            print(f"==> smp {command} {name}", flush=True)
            if main_of_smp([command, name, "--workspace", str(workspace)]):
                failed.append(name)
                break
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def withhold_credentials() -> None:
    """Take what leads to credentials out of the environment, and let no package's setup run."""
    for name in [name for name in os.environ if name.startswith(NOT_FOR_SCRIPTS)]:
        del os.environ[name]
    os.environ.setdefault("PIP_ONLY_BINARY", ":all:")


if __name__ == "__main__":
    sys.exit(main())
