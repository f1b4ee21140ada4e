"""The engines that run a pipeline, as a configuration names them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from smp.config.values.base import ConfigModel, fault, read_list
from smp.definition.triggers import AirflowMode

Target = Literal["sagemaker", "airflow", "stepfunctions"]


class AirflowTarget(ConfigModel):
    """Airflow, with how its DAG runs the pipeline."""

    target: Literal["airflow"]
    """The engine."""
    mode: AirflowMode = "steps"
    """`steps`: each task of the DAG starts the job of a step. `start`: the DAG starts the SageMaker
    pipeline and follows its steps; the targets must contain `sagemaker`."""


def target_name(target: Target | AirflowTarget) -> Target:
    """Return the name of the engine."""
    return target.target if isinstance(target, AirflowTarget) else target


def airflow_mode(targets: tuple[Target | AirflowTarget, ...]) -> AirflowMode:
    """Return how the DAG runs the pipeline."""
    return next((item.mode for item in targets if isinstance(item, AirflowTarget)), "steps")


def _form(value: Any) -> str:
    return "airflow" if isinstance(value, (dict, AirflowTarget)) else "name"


AnyTarget = Annotated[
    Annotated[Target, Tag("name")] | Annotated[AirflowTarget, Tag("airflow")],
    Discriminator(_form),
]


def _read_targets(value: Any) -> Any:
    return [value] if isinstance(value, dict) else read_list(value)


def _check_targets(
    targets: tuple[Target | AirflowTarget, ...],
) -> tuple[Target | AirflowTarget, ...]:
    names = [target_name(target) for target in targets]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise fault("is given twice", "each target once", at=(index,))
    if airflow_mode(targets) == "start" and "sagemaker" not in names:
        reason = "starts the pipeline of SageMaker, and there is none"
        raise fault(reason, "with the target sagemaker", "add sagemaker to the targets")
    return targets


Targets = Annotated[
    tuple[AnyTarget, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_read_targets, json_schema_input_type=AnyTarget | list[AnyTarget]),
    AfterValidator(_check_targets),
]
