"""The commands that read the model configs of a workspace: validate, list, compile, graph."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from smp.cli.console import (
    chosen_format,
    print_problems,
    problem_fields,
    write_json,
    write_output,
)
from smp.cli.workspace import (
    WORK_DIRECTORY,
    Commands,
    add_base_option,
    add_models_option,
    add_workspace_option,
    load_workspace,
)
from smp.errors import SmpError

if TYPE_CHECKING:
    from smp.config.project import Project
    from smp.definition.compiled import CompiledPipeline
    from smp.graph import PipelineGraph


PICTURES = {".mmd": "mermaid", ".svg": "svg"}
"""Forms of a picture by the ending of their files, the usual one first."""


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_validate(commands)
    _add_list(commands)
    _add_compile(commands)
    _add_graph(commands)


def _add_validate(commands: Commands) -> None:
    validate = commands.add_parser(
        "validate",
        help="check every config and how the steps fit together",
        description="Check every model config and how the steps of each pipeline fit together. "
        "All problems of all files are reported at once.",
    )
    _add_workspace(validate)
    _add_format(validate, ("text", "json"))
    validate.set_defaults(run=_validate)


def _add_list(commands: Commands) -> None:
    listing = commands.add_parser(
        "list",
        help="list the pipelines with their models and steps",
        description="List the pipelines with their models and steps, in the order in which the "
        "steps can run.",
    )
    _add_workspace(listing)
    _add_format(listing, ("text", "json"))
    listing.set_defaults(run=_list)


def _add_compile(commands: Commands) -> None:
    compiling = commands.add_parser(
        "compile",
        help="write a pipeline's SageMaker definition",
        description="Compile one pipeline through the SageMaker SDK, without AWS, and write its "
        "definition as JSON. Values that only a deployment knows are names in it, like "
        "${smp:role_arn}.",
    )
    _add_pipeline(compiling)
    compiling.set_defaults(run=_compile)


def _add_graph(commands: Commands) -> None:
    graph = commands.add_parser(
        "graph",
        help="draw a pipeline's steps",
        description="Draw the steps of one pipeline and what each waits for. With --diff, draw two "
        "states of it as one, with what was added, removed and changed marked.",
    )
    _add_pipeline(graph)
    graph.add_argument(
        "--format",
        choices=("mermaid", "svg"),
        help="default: svg where -o names a file that ends so, else mermaid",
    )
    graph.add_argument(
        "--diff", action="store_true", help="mark what changes from --base to the files as they are"
    )
    add_base_option(graph)
    graph.set_defaults(run=_graph)


def _add_workspace(command: argparse.ArgumentParser) -> None:
    add_workspace_option(command)
    add_models_option(command)


def _add_format(command: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    command.add_argument(
        "--format", choices=formats, default=formats[0], help=f"default: {formats[0]}"
    )


def _add_pipeline(command: argparse.ArgumentParser) -> None:
    command.add_argument("pipeline", metavar="PIPELINE", help="name, as `smp list` shows it")
    command.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="file to write (default: standard output)"
    )
    _add_workspace(command)


def _validate(arguments: argparse.Namespace) -> int:
    from smp.graph import build_graphs

    try:
        project = load_workspace(arguments)
        graphs = build_graphs(project)
    except SmpError as error:
        if arguments.format == "json":
            fields = [problem_fields(problem) for problem in error.problems]
            write_json({"valid": False, "pipelines": [], "problems": fields, "notes": []})
        print_problems(error.problems)
        return 1
    notes = [*project.notes, *(note for graph in graphs for note in graph.notes)]
    if arguments.format == "json":
        fields = [problem_fields(note) for note in notes]
        names = [graph.name for graph in graphs]
        write_json({"valid": True, "pipelines": names, "problems": [], "notes": fields})
    else:
        write_output("".join(f"note: {note}\n" for note in notes))
        write_output(_verdict(project, graphs))
    return 0


def _verdict(project: Project, graphs: tuple[PipelineGraph, ...]) -> str:
    steps = sum(len(graph.steps) for graph in graphs)
    counted = ((len(project.models), "model"), (len(graphs), "pipeline"), (steps, "step"))
    return f"valid: {', '.join(f'{n} {noun}' + 's' * (n != 1) for n, noun in counted)}\n"


def _list(arguments: argparse.Namespace) -> int:
    from smp.graph import build_graphs

    graphs = build_graphs(load_workspace(arguments))
    if arguments.format == "json":
        write_json(
            [
                {
                    "name": graph.name,
                    "models": [model.name for model in graph.models],
                    "steps": [node.name for node in graph.in_order()],
                }
                for graph in graphs
            ]
        )
    else:
        from smp.review.listing import render_list

        write_output(render_list(graphs))
    return 0


def _compile(arguments: argparse.Namespace) -> int:
    compiled = compile_one(arguments)
    write_output(compiled.definition_text(), arguments.output)
    return 0


def _graph(arguments: argparse.Namespace) -> int:
    if arguments.diff or arguments.base is not None:
        return _graph_changes(arguments)
    from smp.picture.dag import read_dag
    from smp.picture.mermaid import render_mermaid
    from smp.picture.svg_picture import render_svg

    compiled = compile_one(arguments)
    dag = read_dag(compiled, compiled.step_models)
    draw = render_svg if _is_svg(arguments) else render_mermaid
    write_output(draw(dag), arguments.output)
    return 0


def _graph_changes(arguments: argparse.Namespace) -> int:
    from smp.cli.reviewing import read_states
    from smp.review.diff.compare import picture_of
    from smp.review.diff.picture import render_changed_mermaid, render_changed_svg

    base, head = read_states(arguments, [arguments.pipeline])
    changed = picture_of(base, head, arguments.pipeline)
    draw = render_changed_svg if _is_svg(arguments) else render_changed_mermaid
    write_output(draw(changed), arguments.output)
    return 0


def _is_svg(arguments: argparse.Namespace) -> bool:
    return chosen_format(arguments.format, arguments.output, PICTURES) == "svg"


def compile_one(arguments: argparse.Namespace) -> CompiledPipeline:
    """Compile the pipeline that the arguments name."""
    from smp.compiler.cache.compile_all import compile_all
    from smp.compiler.cache.store import compiled_in
    from smp.graph import build_graph

    graph = build_graph(load_workspace(arguments), arguments.pipeline)
    kept_in = compiled_in(arguments.environment)
    (compiled,) = compile_all([graph], arguments.workspace / WORK_DIRECTORY, kept_in).result()
    return compiled
