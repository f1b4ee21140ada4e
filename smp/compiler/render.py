"""Renders a whole graph through the SDK into the JSON of the definition.

Importing it imports the SDK; `smp.compiler.compile` does so only when something must be compiled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from smp.compiler.expressions import declarations, put_expressions
from smp.compiler.retries import add_retry_policies
from smp.compiler.sdk.constants import to_names
from smp.compiler.sdk.offline_session import OfflineSession, Pipeline, offline_environment
from smp.compiler.steps.approved_model import render_approved_model
from smp.compiler.steps.clarify_check import render_clarify_check
from smp.compiler.steps.condition import render_condition, render_fail
from smp.compiler.steps.context import StepContext
from smp.compiler.steps.emr_serverless import render_emr_serverless
from smp.compiler.steps.for_each import render_for_each
from smp.compiler.steps.function import render_callback, render_lambda
from smp.compiler.steps.model import render_create_model, render_register_model
from smp.compiler.steps.notebook_job import render_notebook_job
from smp.compiler.steps.processing import render_metrics, render_processing
from smp.compiler.steps.quality_check import render_quality_check
from smp.compiler.steps.training import render_training
from smp.compiler.steps.transform import render_transform
from smp.compiler.steps.tuning import render_tuning
from smp.config.sections.jobs import JobSection
from smp.config.sections.tune import TuneSection
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CodeTree, Json, nested_steps
from smp.errors import CompileError, Problem, SmpError
from smp.graph.nodes import PipelineGraph, StepNode

RENDERERS: Mapping[str, Callable[[StepContext, StepNode], list[Any]]] = {
    "Processing": render_processing,
    "Training": render_training,
    "Tuning": render_tuning,
    "CreateModel": render_create_model,
    "Transform": render_transform,
    "Metrics": render_metrics,
    "RegisterModel": render_register_model,
    "Condition": render_condition,
    "Fail": render_fail,
    "Lambda": render_lambda,
    "Callback": render_callback,
    "QualityCheck": render_quality_check,
    "ClarifyCheck": render_clarify_check,
    "NotebookJob": render_notebook_job,
    "ApprovedModel": render_approved_model,
    "EMRServerless": render_emr_serverless,
    "ForEach": render_for_each,
}

NAME_MEMBERS = {
    "Processing": "ProcessingJobName",
    "Training": "TrainingJobName",
    "Tuning": "HyperParameterTuningJobName",
    "Transform": "TransformJobName",
    "Metrics": "ProcessingJobName",
    "CreateModel": "ModelName",
}
"""The member of each class's request that begins the name of what the service makes."""


def render(
    graph: PipelineGraph, store: CodeStore
) -> tuple[Json, tuple[CodeTree, ...], dict[str, dict[str, str]]]:
    """Return the definition with deploy-time names, the trees it refers to, and its images."""
    session = OfflineSession(store)
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
    definition["Steps"] = put_expressions(definition["Steps"], parameters)
    add_retry_policies(graph, definition)
    trees = tuple(session.trees[key] for key in sorted(session.trees))
    return definition, trees, dict(sorted(context.images.items()))


def _inside_out(graph: PipelineGraph) -> Iterator[StepNode]:
    """Yield each step after all that it is rendered from; a loop after its steps, conditions last."""
    conditions = [node for node in graph.in_order() if node.step_class == "Condition"]
    waiting = [node for node in graph.in_order() if node.step_class != "Condition"]
    done = {node.name for node in conditions}
    while waiting:
        ready = next(node for node in waiting if done.issuperset(_rendered_before(graph, node)))
        waiting.remove(ready)
        done.add(ready.name)
        yield ready
    yield from conditions


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
        if node is not None and name:
            step["Arguments"][NAME_MEMBERS[node.step_class]] = name


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
        if "DependsOn" in step:
            step["DependsOn"] = sorted(step["DependsOn"], key=json.dumps)
    return definition


def _render_node(context: StepContext, node: StepNode) -> list[Any]:
    try:
        return RENDERERS[node.step_class](context, node)
    except SmpError as error:
        raise type(error)(context.graph.at_step(node, p) for p in error.problems) from error
    except Exception as error:
        problem = Problem(f"the SageMaker SDK refuses the step: {error}")
        raise CompileError([context.graph.at_step(node, problem)]) from error
