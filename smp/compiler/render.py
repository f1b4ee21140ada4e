"""Renders a whole graph through the SDK into the JSON of the definition.

Importing it imports the SDK; `smp.compiler.compile` does so only when something must be compiled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from smp.compiler.close_prefixes import close_prefixes
from smp.compiler.expressions import declarations, put_expressions
from smp.compiler.sdk.constants import to_names
from smp.compiler.sdk.offline_session import OfflineSession, Pipeline, offline_environment
from smp.compiler.steps.context import StepContext
from smp.config.sections.job_section import JobSection
from smp.config.sections.retry import RetryCause, RetrySection
from smp.config.sections.tune import TuneSection
from smp.config.steps.base import Retried, StepBase
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CodeTree, Json, nested_steps
from smp.definition.order import topological
from smp.definition.step_types import row_of
from smp.errors import CompileError, Problem, SmpError
from smp.graph.nodes import PipelineGraph, StepNode
from smp.graph.step_classes import STEP_CLASSES

Renderer = Callable[[StepContext, StepNode], list[Any]]


def renderer_of(step_class: str) -> Renderer:
    """Return what renders the steps of a class; its module is imported now."""
    module, _, function = STEP_CLASSES[step_class].renderer.partition(".")
    found: Renderer = getattr(import_module(f"smp.compiler.steps.{module}"), function)
    return found


def render(
    graph: PipelineGraph, store: CodeStore
) -> tuple[Json, tuple[CodeTree, ...], dict[str, dict[str, str]]]:
    """Return the definition with deploy-time names, the trees it refers to, and its images."""
    session = OfflineSession(store, own_launcher=True)
    context = StepContext(graph, session)
    with offline_environment():
        for node in _inside_out(graph):
            context.made[node.name] = _render_node(context, node)
    top = [node for node in graph.steps if node.branch is None and node.loop is None]
    steps = [step for node in top for step in context.made[node.name]]
    definition = define(graph.name, steps, session)
    _name_jobs(graph, definition)
    parameters = graph.pipeline.config.parameters
    definition["Parameters"] = declarations(parameters)
    steps = put_expressions(definition["Steps"], parameters)
    definition["Steps"] = close_prefixes(steps, parameters)
    add_retry_policies(graph, definition)
    trees = tuple(session.trees[key] for key in sorted(session.trees))
    return definition, trees, dict(sorted(context.images.items()))


def _inside_out(graph: PipelineGraph) -> Iterator[StepNode]:
    """Yield each step after all that it is rendered from; a loop after its steps, conditions last."""
    ordered = {node.name: node for node in graph.in_order()}
    others = [name for name, node in ordered.items() if node.step_class != "Condition"]
    before = {
        name: [other for other in _rendered_before(graph, ordered[name]) if other in others]
        for name in others
    }
    yield from (ordered[name] for name in topological(before))
    yield from (node for node in ordered.values() if node.step_class == "Condition")


def _rendered_before(graph: PipelineGraph, node: StepNode) -> Iterator[str]:
    yield from (*node.reads, *node.after, *node.after_failed)
    yield from (inner.name for inner in graph.in_loop(node.name))


def _name_jobs(graph: PipelineGraph, definition: Json) -> None:
    """Put the names that a configuration gives its jobs and models in; the service appends to them.

    The SDK does this for all steps of a pipeline or none (`use_custom_job_prefix`), and not for
    training jobs.
    """
    wanted = {node.emitted[-1]: (node, _configured_name(node)) for node in graph.steps}
    for step in nested_steps(definition["Steps"]):
        node, name = wanted.get(step["Name"], (None, None))
        call = row_of(step).call
        if node is not None and name and call and call.name_member:
            step["Arguments"][call.name_member] = name


def _configured_name(node: StepNode) -> str | None:
    if node.step_class == "CreateModel":
        return node.model.config.name
    job = node.section
    return job.base_job_name if isinstance(job, (JobSection, TuneSection)) else None


def define(name: str, steps: list[Any], session: OfflineSession) -> Json:
    """Compile SDK steps to the definition and put deploy-time names in."""
    pipeline = Pipeline(
        name=name, steps=steps, sagemaker_session=session, pipeline_experiment_config=None
    )
    return define_pipeline(pipeline, session)


def define_pipeline(pipeline: Any, session: OfflineSession) -> Json:
    """Compile an SDK pipeline to the definition, in one canonical form."""
    with offline_environment():
        text = session.settle_uploads(pipeline.definition())
    definition: Json = to_names(json.loads(text))
    if definition.get("MlflowConfig") is None:
        definition.pop("MlflowConfig", None)
    for step in nested_steps(definition["Steps"]):
        for tag in step.get("Arguments", {}).get("Tags", []):
            tag.setdefault("Value", "")  # the SDK leaves an empty text out
        if "DependsOn" in step:
            step["DependsOn"] = sorted(step["DependsOn"], key=json.dumps)
    return definition


def _render_node(context: StepContext, node: StepNode) -> list[Any]:
    try:
        return renderer_of(node.step_class)(context, node)
    except SmpError as error:
        raise type(error)(context.graph.at_step(node, p) for p in error.problems) from error
    except Exception as error:
        problem = Problem(f"the SageMaker SDK refuses the step: {error}")
        raise CompileError([context.graph.at_step(node, problem)]) from error


DEFAULT_ATTEMPTS = 3
STEP_SECONDS, JOB_SECONDS = 5, 60

STEP_CAUSES: dict[RetryCause, str] = {
    "service_fault": "Step.SERVICE_FAULT",
    "throttling": "Step.THROTTLING",
}
JOB_CAUSES: dict[RetryCause, str] = {
    "internal_error": "SageMaker.JOB_INTERNAL_ERROR",
    "capacity": "SageMaker.CAPACITY_ERROR",
    "resource_limit": "SageMaker.RESOURCE_LIMIT",
}
"""Exception types by cause. Source: "Retry policy for pipeline steps" in the developer guide."""


def add_retry_policies(graph: PipelineGraph, definition: Json) -> None:
    """Give each step the policies that it, or its pipeline, asks for."""
    rules = {
        name: _rules(graph, node.config)
        for node in graph.steps
        if STEP_CLASSES[node.step_class].retries is not None
        for name in node.emitted
    }
    for step in nested_steps(definition["Steps"]):
        if step["Name"] in rules:
            call = row_of(step).call
            is_job = call is not None and call.is_job
            policies = list(_policies(rules[step["Name"]], is_job=is_job))
            if policies:
                step["RetryPolicies"] = policies


def _rules(graph: PipelineGraph, config: StepBase) -> RetrySection:
    own = config.retry if isinstance(config, Retried) else None
    return own or graph.pipeline.config.retry


def _policies(section: RetrySection, *, is_job: bool) -> Iterator[Json]:
    """Yield a policy for failures of the step, and one for those of its job, if it has one."""
    if not section.enabled:
        return
    kinds = ((STEP_CAUSES, STEP_SECONDS), (JOB_CAUSES, JOB_SECONDS))
    for types, seconds in kinds if is_job else kinds[:1]:
        causes = [name for cause, name in types.items() if cause in section.causes]
        if causes:
            yield {
                "ExceptionType": causes,
                "IntervalSeconds": section.interval_seconds or seconds,
                "BackoffRate": float(section.backoff_rate),
                **_end(section),
            }


def _end(section: RetrySection) -> Json:
    if section.expire_after_minutes is not None:
        return {"ExpireAfterMin": section.expire_after_minutes}
    return {"MaxAttempts": section.max_attempts or DEFAULT_ATTEMPTS}
