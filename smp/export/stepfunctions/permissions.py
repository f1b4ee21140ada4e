"""What the role of a state machine may do: start the jobs of its steps, by name, and hand them their role.

What the state machine's logs and traces need is granted by its deployment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import PARTITION
from smp.definition.permissions.access import analyse_access
from smp.definition.permissions.lookup_role import NUMBERED, group_arns, package_arns
from smp.definition.permissions.plan import plan_permissions
from smp.definition.permissions.statement import Statement, key_arns, regional_arn, through_s3
from smp.definition.step_types import DELETE_MODEL
from smp.export.stepfunctions.names import job_prefix
from smp.export.stepfunctions.step_types import Call, handling
from smp.export.workflow import Task, Workflow, read_workflow, report_key

NAMED_ANEW = "Each execution names its jobs and models anew."
BY_EXECUTION = "Each execution writes its reports to a directory of its own."

AS_PIPELINE = ("PassJobRole", "UseVersions")
"""Statements that are those of a pipeline's own role."""

RESULTS = ("ReadResults", "DecryptResults")
"""Those as well where the state machine registers models: the registry reads what it is given."""


def state_machine_permissions(compiled: CompiledPipeline) -> tuple[Statement, ...]:
    """Return the statements of the role of the state machine that runs a pipeline."""
    workflow = read_workflow(compiled)
    statements = [
        *_creating(workflow),
        *_registering(compiled, workflow),
        *_reading(compiled, workflow),
        *_as_pipeline(compiled, workflow),
    ]
    return tuple(statement for statement in statements if statement.resources)


def _creating(workflow: Workflow) -> Iterator[Statement]:
    """Create, describe and stop jobs under the names that the steps give them, and hear of their end."""
    jobs = {
        task.kind: (task.call, handled.rule)
        for task in workflow.tasks
        if isinstance(handled := handling(task), Call) and handled.rule is not None
    }
    for kind, (call, _) in sorted(jobs.items()):
        verbs = (call.operation, call.describe, str(call.stop), "AddTags", "ListTags")
        yield _by_name(f"Run{kind}Jobs", verbs, _of(workflow, kind))
    made = _of(workflow, "Model")
    yield _by_name("MakeModels", ("CreateModel", "AddTags"), made)
    deletes = any(task.type is DELETE_MODEL for task in workflow.tasks)
    yield _by_name("DeleteModels", ("DeleteModel",), made if deletes else ())
    yield Statement(
        "HearOfJobs",
        ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
        [regional_arn("events", f"rule/{rule}") for _, (_, rule) in sorted(jobs.items())],
    )


def _by_name(sid: str, operations: Iterable[str], tasks: Sequence[Task]) -> Statement:
    return Statement(
        sid,
        sorted(f"sagemaker:{operation}" for operation in operations),
        [regional_arn("sagemaker", f"{task.call.resource}/{job_prefix(task)}-*") for task in tasks],
        wildcard=NAMED_ANEW,
    )


def _registering(compiled: CompiledPipeline, workflow: Workflow) -> Iterator[Statement]:
    if not _of(workflow, "RegisterModel"):
        return
    groups = [group.name for group in compiled.model_package_groups]
    yield Statement(
        "MakeGroups",
        [
            "sagemaker:AddTags",
            "sagemaker:CreateModelPackageGroup",
            "sagemaker:DescribeModelPackageGroup",
        ],
        group_arns(groups),
    )
    yield Statement(
        "RegisterModels",
        ["sagemaker:AddTags", "sagemaker:CreateModelPackage"],
        [*group_arns(groups), *package_arns(groups)],
        wildcard=NUMBERED,
    )


def _reading(compiled: CompiledPipeline, workflow: Workflow) -> Iterator[Statement]:
    """Read the property files that steps look into."""
    files = {(file.step, file.name): file for task in workflow.tasks for file in task.reads}
    if not files or _of(workflow, "RegisterModel"):
        return
    keys = [report_key(workflow, file) for file in files.values()]
    yield Statement(
        "ReadReports",
        ["s3:GetObject"],
        sorted({f"arn:{PARTITION}:s3:::{key}" for key in keys}),
        wildcard=BY_EXECUTION,
    )
    yield Statement(
        "DecryptReports", ["kms:Decrypt"], key_arns(analyse_access(compiled)), through_s3()
    )


def _as_pipeline(compiled: CompiledPipeline, workflow: Workflow) -> Iterator[Statement]:
    wanted = (*AS_PIPELINE, *(RESULTS if _of(workflow, "RegisterModel") else ()))
    for statement in plan_permissions(compiled).pipeline:
        if statement.sid == "CallFunctions":
            yield replace(statement, resources=_called(workflow))
        elif statement.sid in wanted:
            yield statement


def _called(workflow: Workflow) -> list[str]:
    """Return the functions that states call; what a function of this project does may be a call instead."""
    return sorted(
        {
            task.step["FunctionArn"]
            for task in workflow.tasks
            if task.type.call is None
            and isinstance(made := handling(task), Call)
            and made.action is None
        }
    )


def _of(workflow: Workflow, kind: str) -> list[Task]:
    return [task for task in workflow.tasks if task.kind == kind]
