"""What a state machine makes of each type of step: a call, a state that calls nothing, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from smp.definition.deploy_values import PARTITION
from smp.definition.step_types import Refused, ServiceCall
from smp.export.stepfunctions.jsonata import RESULT, follow
from smp.export.workflow import Task
from smp.lookup.delete_model import NOT_FOUND

OPTIMIZED, SDK = "SageMaker.AmazonSageMakerException", "SageMaker.SageMakerException"
"""What a refused call fails with: of the integrations with SageMaker, and of the SDK's own."""
AWS_SDK = "aws-sdk:sagemaker"


def resource(service: str, action: str) -> str:
    """Return the ARN of an integration."""
    return f"arn:{PARTITION}:states:::{service}:{action}"


def _answer(path: str) -> str:
    return follow(RESULT, path)


@dataclass(frozen=True)
class Call:
    """A Task state that makes the call of the step's type, or calls its function."""

    service: str = "sagemaker"
    error: str = OPTIMIZED
    """What a refused call fails with."""
    property: Callable[[str], str] = _answer
    """Returns the JSONata of a property of the step, by its path, right after the call."""
    action: str | None = None
    """An operation of the AWS SDK's integration, in place of the function that the step calls."""
    done_if: str | None = None
    """What the reason of a refused call contains if there is nothing left to do."""
    rule: str | None = None
    """The rule by which Step Functions hears of the end of a job, which it makes in the account.

    Source: "IAM policies for Amazon SageMaker" in the developer guide of Step Functions.
    """

    def resource_of(self, call: ServiceCall | None) -> str:
        """Return the ARN of the integration; without a call of SageMaker's API a function is invoked."""
        if call is None:
            return resource(self.service, self.action or "invoke")
        action = call.operation[0].lower() + call.operation[1:]
        waits = call.is_job and self.service == "sagemaker"
        return resource(self.service, f"{action}.sync" if waits else action)


class State(Enum):
    """A state that calls nothing."""

    CHOICE = "Choice"
    FAIL = "Fail"


def _job(kind: str) -> Call:
    return Call(rule=f"StepFunctionsGetEventsForSageMaker{kind}JobsRule")


def _model_name(_: str) -> str:
    return f"$substringAfter({RESULT}.ModelArn, ':model/')"


def _function_output(path: str) -> str:
    return follow(f"{RESULT}.Payload", path.removeprefix("OutputParameters"))


ON_SAGEMAKER = (
    "keep `sagemaker` as its target, or take the step into a pipeline of its own that stays there"
)
_SCRIPT = "compute the same by a script in a Processing step, or keep `sagemaker` as its target"
_FUNCTION = Call("lambda", property=_function_output)


def _refused(name: str, instead: str) -> Refused:
    return Refused(f"a step of type {name}", instead)


STEPS: Mapping[str, Call | State | Refused] = {
    "Processing": _job("Processing"),
    "Training": _job("Training"),
    "NotebookJob": _job("Training"),
    "Tuning": _job("Tuning"),
    "Transform": _job("Transform"),
    "Model": Call(property=_model_name),
    "RegisterModel": Call(AWS_SDK, SDK),
    "QualityCheck": _refused("QualityCheck", _SCRIPT),
    "ClarifyCheck": _refused("ClarifyCheck", _SCRIPT),
    "Condition": State.CHOICE,
    "Fail": State.FAIL,
    "ForEach": _refused("ForEach", "write the steps out, or keep `sagemaker` as its target"),
    "Lambda": _FUNCTION,
    "ApprovedModel": _FUNCTION,
    "DeleteModel": Call(AWS_SDK, SDK, action="deleteModel", done_if=NOT_FOUND),
    "Callback": _refused(
        "Callback",
        "who reads the queue answers SageMaker: do the work in a function, with a Function step, "
        "or keep `sagemaker` as its target",
    ),
    "EMRServerless": _refused("EMRServerless", ON_SAGEMAKER),
}
"""By the name of a row of `smp.definition.step_types`."""


def handling(task: Task) -> Call | State | Refused:
    """Return what is made of a task; a type without a row is refused."""
    name = task.type.name
    return STEPS.get(name) or _refused(name, ON_SAGEMAKER)


def call_of(task: Task) -> Call:
    """Return how a task's call is made; only for a task that makes one."""
    found = handling(task)
    assert isinstance(found, Call), f"{task.name} makes no call"
    return found
