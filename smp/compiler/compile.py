"""Compiles a graph into a compiled pipeline.

It imports the SDK only when it is called, and never reads the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from smp.compiler.code_trees import stand_in_of, step_stand_in
from smp.compiler.render_triggers import loops, render_triggers
from smp.config.sections.targets import airflow_mode
from smp.config.steps.base import StandInNaming
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline, ModelPackageGroup, StandIn
from smp.definition.permissions.access import analyse_access
from smp.definition.permissions.reserved import check_reserved
from smp.definition.request_check import check_limits, check_requests
from smp.errors import CompileError, Problem, ScriptError
from smp.graph.nodes import PipelineGraph, StepNode, model_package_group_name
from smp.graph.step_classes import STEP_CLASSES


def compile_pipeline(graph: PipelineGraph, code_store: Path) -> CompiledPipeline:
    """Compile a pipeline; its code trees are written below `code_store`.

    The same sources give the same bytes on any machine. Raises ScriptError and CompileError.
    """
    return compile_into(graph, CodeStore(code_store))


def compile_into(graph: PipelineGraph, store: CodeStore) -> CompiledPipeline:
    """Compile a pipeline; its code trees are put into a store, which may have packed its models."""
    from smp.compiler.render import render

    definition, trees, images = render(graph, store)
    config = graph.pipeline.config
    compiled = CompiledPipeline(
        name=graph.name,
        definition=definition,
        code=trees,
        code_store=store.root,
        display_name=config.display_name,
        description=config.description,
        max_parallel_steps=config.max_parallel_execution_steps,
        tags={tag.key: tag.value for tag in config.tags},
        images=images,
        model_package_groups=_groups(graph),
        internet_egress=graph.pipeline.network.internet_egress,
        models=tuple(model.name for model in graph.models),
        step_models={name: node.model.name for node in graph.steps for name in node.emitted},
        stand_ins=_stand_ins(graph, store),
        triggers=render_triggers(graph),
        targets=config.engines,
        airflow_mode=airflow_mode(config.targets),
    )
    nodes = {name: node for node in graph.steps for name in node.emitted}
    check_compiled(compiled, lambda name, problem: graph.at_step(nodes[name], problem))
    if compiled.triggers:
        access = analyse_access(compiled)
        written = (*access.writes, *access.emr_logs)
        looping = [*loops(graph, (address.removesuffix("*") for address in written))]
        if looping:
            raise CompileError(looping)
    return compiled


def check_compiled(compiled: CompiledPipeline, at_step: Callable[[str, Problem], Problem]) -> None:
    """Raise CompileError with everything in the definition that the service would refuse.

    `at_step` adds the step of the definition to a problem.
    """
    problems = [replace(found, path=compiled.name) for found in check_limits(compiled)]
    found = [*check_requests(compiled), *check_reserved(compiled)]
    problems += [at_step(name, problem) for name, problem in found]
    if problems:
        raise CompileError(problems)


def _stand_ins(graph: PipelineGraph, store: CodeStore) -> dict[str, StandIn]:
    found = {
        node.name: stand_in_of(node.model, section, store)
        for node in graph.steps
        if (section := STEP_CLASSES[node.step_class].stand_in_section)
    }
    for node in graph.steps:
        if isinstance(node.config, StandInNaming) and node.config.local_stand_in is not None:
            found[node.name] = _outside_stand_in(graph, node, node.config.local_stand_in, store)
    return {name: stand_in for name, stand_in in found.items() if stand_in is not None}


def _outside_stand_in(
    graph: PipelineGraph, node: StepNode, script: str, store: CodeStore
) -> StandIn:
    stand_in = step_stand_in(node.model, script, store)
    if stand_in.script not in {file.path for file in stand_in.code.files}:
        reason, hint = f"'{script}' is left out of the model's files", "see .smpignore"
        raise ScriptError([graph.at_step(node, Problem(reason, hint=hint))])
    return stand_in


def _groups(graph: PipelineGraph) -> tuple[ModelPackageGroup, ...]:
    groups = {}
    for node in graph.steps:
        registry = node.model.config.registry
        if node.step_class == "RegisterModel" and registry is not None:
            name = model_package_group_name(graph.pipeline, node.model)
            groups[name] = ModelPackageGroup(name, registry.model_package_group_description)
    return tuple(groups.values())
