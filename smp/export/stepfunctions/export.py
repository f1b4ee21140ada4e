"""What exporting a pipeline to Step Functions gives: the state machine, policies, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from smp.definition import functions
from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.plan import plan_permissions
from smp.definition.step_types import APPROVED_MODEL, row_of
from smp.definition.triggers import state_machine_name
from smp.export.bundle import Exported
from smp.export.stepfunctions.blocks import Block, Fork, plan_blocks, steps_of
from smp.export.stepfunctions.permissions import state_machine_permissions
from smp.export.stepfunctions.state_machine import render_state_machine, state_machine_text
from smp.export.stepfunctions.step_types import State, handling
from smp.export.workflow import Workflow, read_workflow


def export_state_machine(compiled: CompiledPipeline) -> Exported:
    """Return the files of an export; raises ExportError with all that cannot be expressed."""
    given = {f"{compiled.name}.asl.json": state_machine_text(render_state_machine(compiled))}
    permissions = plan_permissions(compiled)
    policies = {
        "policies/state-machine.json": state_machine_permissions(compiled),
        "policies/job-role.json": permissions.job,
    }
    lookup = any(row_of(step) is APPROVED_MODEL for step in compiled.steps())
    if lookup:
        code = files("smp.lookup").joinpath("approved_model.py")
        given["function/approved_model.py"] = code.read_text(encoding="utf-8")
        policies["policies/function.json"] = permissions.functions[functions.APPROVED_MODEL.name]
    following = tuple(_following(compiled, lookup))
    return Exported(given, policies, tuple(_differences(compiled)), following)


def _differences(compiled: CompiledPipeline) -> Iterator[str]:
    workflow = read_workflow(compiled)
    cached = [
        task.name for task in workflow.tasks if task.step.get("CacheConfig", {}).get("Enabled")
    ]
    if cached:
        yield f"no step is cached: {', '.join(cached)} run in every execution"
    timed = [
        task.name
        for task in workflow.tasks
        if any("ExpireAfterMin" in policy for policy in task.retries)
    ]
    if timed:
        yield (
            f"for refused calls of {', '.join(timed)} the time after which no new attempt is made counts "
            "the waits alone"
        )
    for step, others in _waits_for_more(workflow, compiled.max_parallel_steps):
        yield f"{step} waits for {', '.join(others)}, too: branches of a state machine end together"
    if compiled.triggers:
        names = ", ".join(trigger.name for trigger in compiled.triggers)
        yield f"what starts it by itself is not exported: {names}"
    if compiled.definition.get("PipelineExperimentConfig"):
        yield "jobs are in no experiment"
    if compiled.tags:
        yield f"tags are yours to set: {', '.join(compiled.tags)}"


def _waits_for_more(
    workflow: Workflow, most_at_once: int | None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each step that starts later than it had to, with the steps it need not wait for."""
    direct = workflow.waits_for()
    instant = {task.name for task in workflow.tasks if isinstance(handling(task), State)}
    needed: dict[str, set[str]] = {}
    for task in workflow.tasks:
        above = direct[task.name]
        needed[task.name] = set(above).union(*(needed[name] for name in above))
    told: dict[str, set[str]] = {}
    for step, before in _started_after(plan_blocks(workflow, most_at_once), ()):
        others = set(before) - needed[step] - instant
        others = {name for name in others if not _are_apart(workflow, step, name)}
        told[step] = others
        new = others.difference(*(told.get(name, set()) for name in direct[step]))
        last = [name for name in before if name in new and not _is_before(name, new, needed)]
        if last and step not in instant:
            yield step, tuple(last)


def _is_before(step: str, others: set[str], needed: Mapping[str, set[str]]) -> bool:
    return any(step in needed[other] for other in others)


def _started_after(block: Block, before: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for item in block:
        if isinstance(item, Fork):
            for branch in item.branches:
                yield from _started_after(branch, before)
            before += tuple(steps_of((item,)))
        else:
            yield item, before
            before += (item,)


def _are_apart(workflow: Workflow, one: str, other: str) -> bool:
    """Tell whether two steps never run in the same execution for being on two sides of a condition."""
    sides: Mapping[str, Any] = {task.name: task.side for task in workflow.tasks}
    a, b = sides[one], sides[other]
    return bool(a and b and a.condition == b.condition and a.branch != b.branch)


def _following(compiled: CompiledPipeline, lookup: bool) -> Iterator[str]:
    yield "fill in values.json and export again with --values values.json"
    yield "aws s3 cp --recursive code s3://BUCKET/code"
    yield "make a role for the jobs with policies/job-role.json, trusted by sagemaker.amazonaws.com"
    if lookup:
        yield (
            "make the function of function/approved_model.py, handler approved_model.handler, whose role "
            "has policies/function.json"
        )
    yield (
        "make a role for the state machine with policies/state-machine.json, trusted by "
        "states.amazonaws.com"
    )
    yield (
        f"aws stepfunctions create-state-machine --name {state_machine_name(compiled.name)} "
        f"--role-arn ROLE --definition file://{compiled.name}.asl.json"
    )
