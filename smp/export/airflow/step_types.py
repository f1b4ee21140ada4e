"""What a DAG, and a workflow of MWAA Serverless, make of each type of step: an operator, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smp.definition.step_types import Refused
from smp.export.workflow import Task


@dataclass(frozen=True)
class Operator:
    """A task of one operator of the runtime."""

    name: str
    argument: str = "config"
    """The keyword that the step's arguments are given as."""
    calls_function: bool = False
    """Whether it is also given the function that it calls."""


@dataclass(frozen=True)
class Branch:
    """A task that chooses between two sides."""


ELSEWHERE = "run this pipeline on SageMaker, or leave the step out with conf.environments"
_CHECK = Refused(
    "a check that the service compares with its baselines itself",
    "compute the metrics in a Metrics step and ask for them in a Condition",
)

DAG_STEPS: Mapping[str, Operator | Branch | Refused] = {
    "Processing": Operator("ProcessingOperator"),
    "Training": Operator("TrainingOperator"),
    "NotebookJob": Operator("TrainingOperator"),
    "Transform": Operator("TransformOperator"),
    "Tuning": Operator("TuningOperator"),
    "Model": Operator("ModelOperator"),
    "RegisterModel": Operator("RegisterModelOperator"),
    "QualityCheck": _CHECK,
    "ClarifyCheck": _CHECK,
    "Condition": Branch(),
    "Fail": Operator("FailOperator", "message"),
    "ForEach": Refused("a loop over steps", "write the steps out, or let one job do all items"),
    "Lambda": Operator("FunctionOperator", "arguments", calls_function=True),
    "ApprovedModel": Operator("ApprovedModelOperator"),
    "DeleteModel": Operator("DeleteModelOperator"),
    "Callback": Refused(
        "a step that waits for a message from a queue",
        "let a Processing step do it, or have a DAG of your own wait and trigger this one",
    ),
    "EMRServerless": Refused(
        "a job of EMR Serverless", "run the script in a Processing step, which takes Spark"
    ),
}
"""By the name of a row of `smp.definition.step_types`."""

MWAA = "run it on an MWAA environment or a self-managed Airflow, which take the DAG"
_PROVIDER = "airflow.providers.amazon.aws.operators.sagemaker"


def _without_operator(name: str) -> Refused:
    return Refused(f"a step of type {name}", MWAA)


_FUNCTION = Refused("the answer of a function, which is a text to it", MWAA)

SERVERLESS_STEPS: Mapping[str, str | Refused] = {
    "Processing": f"{_PROVIDER}.SageMakerProcessingOperator",
    "Training": f"{_PROVIDER}.SageMakerTrainingOperator",
    "NotebookJob": f"{_PROVIDER}.SageMakerTrainingOperator",
    "Transform": f"{_PROVIDER}.SageMakerTransformOperator",
    "Tuning": f"{_PROVIDER}.SageMakerTuningOperator",
    "Model": f"{_PROVIDER}.SageMakerModelOperator",
    "RegisterModel": Refused(
        "a registration with reports and metadata: its operator takes neither", MWAA
    ),
    "QualityCheck": _without_operator("QualityCheck"),
    "ClarifyCheck": _without_operator("ClarifyCheck"),
    "Condition": Refused("a choice between steps: it has no branch operator", MWAA),
    "Fail": Refused("a step that fails on purpose", MWAA),
    "ForEach": _without_operator("ForEach"),
    "Lambda": _FUNCTION,
    "ApprovedModel": _FUNCTION,
    "DeleteModel": f"{_PROVIDER}.SageMakerDeleteModelOperator",
    "Callback": _without_operator("Callback"),
    "EMRServerless": _without_operator("EMRServerless"),
}
"""The provider's operators, by the name of a row of `smp.definition.step_types`."""


def dag_step(task: Task) -> Operator | Branch | Refused:
    """Return what a DAG makes of a task; a type without a row is refused."""
    name = task.type.name
    return DAG_STEPS.get(name) or Refused(f"a step of type {name}", ELSEWHERE)


def serverless_step(task: Task) -> str | Refused:
    """Return the operator of a task of MWAA Serverless; a type without a row is refused."""
    name = task.type.name
    return SERVERLESS_STEPS.get(name) or _without_operator(name)
