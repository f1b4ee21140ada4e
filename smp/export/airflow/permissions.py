"""What the role of Airflow's workers may do for a DAG: start the jobs of its steps, by name.

What Airflow itself needs is granted by its own deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import PARTITION
from smp.definition.functions import APPROVED_MODEL
from smp.definition.language import is_expression
from smp.definition.permissions.access import analyse_access
from smp.definition.permissions.lookup_role import NUMBERED, group_arns, package_arns
from smp.definition.permissions.plan import plan_permissions
from smp.definition.permissions.statement import Statement, key_arns, regional_arn, through_s3
from smp.definition.step_types import DELETE_MODEL, KNOWN_TYPES, LOGS_OF_TRAINING
from smp.export.airflow.job_names import job_bases
from smp.export.workflow import Task, Workflow, read_workflow, report_key

NAMED_ANEW = "Each run and each try names its jobs and models anew."
BY_RUN = "Each run writes its reports to a directory of its own."
STREAMS = "The service names a log stream after the job and the host that write it."

AS_PIPELINE = ("PassJobRole", "UseVersions")
"""Statements that are those of the pipeline's own role on SageMaker."""
RESULTS = ("ReadResults", "DecryptResults")
"""Those as well where versions are registered: the registry reads what it is given as the caller."""


def steps_permissions(compiled: CompiledPipeline) -> tuple[Statement, ...]:
    """Return what the tasks of a pipeline's DAG need, for the role that Airflow's workers have.

    They read no data: jobs do, with the job role, which is all that this role may hand on.
    """
    workflow = read_workflow(compiled)
    registers = any(task.kind == "RegisterModel" for task in workflow.tasks)
    statements = [
        *_jobs(workflow),
        *_models(workflow),
        *(_registration(compiled) if registers else ()),
        *(_reports(compiled, workflow) if not registers else ()),
        *_functions(workflow),
        *_as_pipeline(compiled, (*AS_PIPELINE, *(RESULTS if registers else ()))),
        *plan_permissions(compiled).functions.get(APPROVED_MODEL.name, ()),
    ]
    return tuple(statement for statement in statements if statement.resources)


def _jobs(workflow: Workflow) -> Iterator[Statement]:
    """Create, describe and stop jobs under the names that the steps give them."""
    for kind in KNOWN_TYPES:
        tasks = _of(workflow, kind)
        call = tasks[0].type.call if tasks else None
        if call and call.stop:
            verbs = [call.operation, call.describe, call.stop, *_tagging(tasks)]
            yield Statement(
                f"Run{kind}Jobs", _actions(verbs), _arns(workflow, tasks), wildcard=NAMED_ANEW
            )
    bases = job_bases(workflow)
    group = f"log-group:{LOGS_OF_TRAINING}"
    streams = [f"{group}:log-stream:{bases[task.name]}-*" for task in _of(workflow, "Training")]
    yield Statement(
        "ShowTrainingLogs",
        ["logs:DescribeLogStreams", "logs:GetLogEvents"],
        [regional_arn("logs", item) for item in ([group, *streams] if streams else [])],
        wildcard=STREAMS,
    )


def _models(workflow: Workflow) -> Iterator[Statement]:
    made = _of(workflow, "Model")
    yield Statement(
        "MakeModels",
        _actions(["CreateModel", "DescribeModel", *_tagging(made)]),
        _arns(workflow, made),
        wildcard=NAMED_ANEW,
    )
    deletes = any(task.type is DELETE_MODEL for task in workflow.tasks)
    yield Statement(
        "DeleteModels",
        _actions(["DeleteModel"]),
        _arns(workflow, made) if deletes else [],
        wildcard=NAMED_ANEW,
    )
    served = {
        str(task.arguments.get("ModelName"))
        for task in _of(workflow, "Transform")
        if not is_expression(task.arguments.get("ModelName"))
    }
    yield Statement(
        "DescribeModels",
        ["sagemaker:DescribeModel"],
        [regional_arn("sagemaker", f"model/{name}") for name in sorted(served)],
    )


def _registration(compiled: CompiledPipeline) -> Iterator[Statement]:
    groups = [group.name for group in compiled.model_package_groups]
    yield Statement(
        "MakeGroups",
        ["sagemaker:CreateModelPackageGroup", "sagemaker:DescribeModelPackageGroup"],
        group_arns(groups),
    )
    yield Statement(
        "RegisterModels",
        ["sagemaker:AddTags", "sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage"],
        [*group_arns(groups), *package_arns(groups)],
        wildcard=NUMBERED,
    )


def _reports(compiled: CompiledPipeline, workflow: Workflow) -> Iterator[Statement]:
    """Read the property files that tasks look into, and nothing else that jobs wrote."""
    files = {(file.step, file.name): file for task in workflow.tasks for file in task.reads}
    keys = sorted({report_key(workflow, file) for file in files.values()})
    yield Statement(
        "ReadPropertyFiles",
        ["s3:GetObject"],
        [f"arn:{PARTITION}:s3:::{key}" for key in keys],
        wildcard=BY_RUN,
    )
    decrypted = key_arns(analyse_access(compiled)) if keys else []
    yield Statement("DecryptPropertyFiles", ["kms:Decrypt"], decrypted, through_s3())


def _functions(workflow: Workflow) -> Iterator[Statement]:
    """Call functions, but not the one for approved versions, whose code is the task's own."""
    called = {
        task.step["FunctionArn"] for task in _of(workflow, "Lambda") if task.type.function is None
    }
    yield Statement("CallFunctions", ["lambda:InvokeFunction"], sorted(called))


def _as_pipeline(compiled: CompiledPipeline, wanted: Sequence[str]) -> Iterator[Statement]:
    for statement in plan_permissions(compiled).pipeline:
        if statement.sid in wanted:
            yield statement


def _tagging(tasks: Sequence[Task]) -> list[str]:
    return ["AddTags"] if any("Tags" in task.arguments for task in tasks) else []


def _actions(operations: Sequence[str]) -> list[str]:
    return sorted(f"sagemaker:{operation}" for operation in operations)


def _arns(workflow: Workflow, tasks: Sequence[Task]) -> list[str]:
    bases = job_bases(workflow)
    return [
        regional_arn("sagemaker", f"{task.call.resource}/{bases[task.name]}-*") for task in tasks
    ]


def _of(workflow: Workflow, kind: str) -> list[Task]:
    return [task for task in workflow.tasks if task.kind == kind]
