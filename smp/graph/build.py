"""Builds the graph of each pipeline and reports every problem between its steps at once."""

from __future__ import annotations

from collections.abc import Iterable

from smp.config.project import Pipeline, Project
from smp.errors import ConfigError, Location, Problem, near_names
from smp.graph.check import GraphChecker
from smp.graph.nodes import PipelineGraph, model_package_group_name


def build_graph(project: Project, pipeline_name: str) -> PipelineGraph:
    """Return the graph of one pipeline; raises ConfigError with all its problems."""
    for pipeline in project.pipelines:
        if pipeline.config.pipeline_name == pipeline_name:
            return _build([pipeline], project)[0]
    known = [pipeline.config.pipeline_name for pipeline in project.pipelines]
    raise ConfigError(
        [
            Problem(
                f"there is no pipeline '{pipeline_name}'",
                allowed=", ".join(known) or "no file has a sagemakerPipeline section",
                hint=near_names(pipeline_name, known),
            )
        ]
    )


def build_graphs(project: Project) -> tuple[PipelineGraph, ...]:
    """Return the graph of every pipeline; raises ConfigError with the problems of all of them."""
    return _build(project.pipelines, project)


def _build(pipelines: Iterable[Pipeline], project: Project) -> tuple[PipelineGraph, ...]:
    checkers = [GraphChecker(pipeline, project) for pipeline in pipelines]
    graphs = [checker.build() for checker in checkers]
    problems = [problem for checker in checkers for problem in checker.problems]
    complete = tuple(graph for graph in graphs if graph is not None)
    problems += _shared_groups(complete)
    if problems:
        raise ConfigError(sorted(dict.fromkeys(problems), key=_place))
    return complete


def _place(problem: Problem) -> tuple[Location, str]:
    return (problem.location or Location(""), problem.path)


def _shared_groups(graphs: Iterable[PipelineGraph]) -> list[Problem]:
    """A model package group belongs to one model of one pipeline: its stack creates the group."""
    owners: dict[str, str] = {}
    problems = []
    for graph in graphs:
        for node in graph.steps:
            if node.step_class != "RegisterModel":
                continue
            group = model_package_group_name(graph.pipeline, node.model)
            owner = f"model '{node.model.name}' of pipeline '{graph.name}'"
            if owners.setdefault(group, owner) != owner:
                problems.append(
                    Problem(
                        f"the model package group '{group}' is also claimed by {owners[group]}",
                        node.model.locate("registry", "ModelPackageGroupName"),
                        f"conf.models.{node.model.name}.registry",
                        hint="give one of them its own ModelPackageGroupName",
                    )
                )
    return problems
