"""Steps that hand work to something other than a SageMaker job: a function, or a reader of a queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from smp.config.steps.base import CacheDuration, StepBase
from smp.config.values.base import TAKEN_AS_IT_IS, Flag, Text, TextList, fault, pattern
from smp.config.values.message import check_message
from smp.config.values.varying import TYPED
from smp.definition.expressions import ParameterType, Written

InputName = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[A-Za-z0-9_-]{1,256}$", "up to 256 letters, digits, hyphens and underscores"
        )
    ),
]


def _check_input(value: Any) -> Any:
    if isinstance(value, Written):
        check_message(value.text)
    elif isinstance(value, str):
        check_message(value)
    elif not isinstance(value, (int, float)):
        raise fault("is not handed over", "a text, a number, true or false")
    return value


InputValue = Annotated[Annotated[str, TYPED] | int | float | bool, BeforeValidator(_check_input)]
OutputName = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[A-Za-z_][A-Za-z0-9_-]{0,255}$",
            "up to 256 letters, digits, hyphens and underscores, first a letter or an underscore",
        )
    ),
]
"""SendPipelineExecutionStepSuccess takes 256 characters (botocore 1.44.5)."""

FunctionName = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^(arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:)?[A-Za-z0-9_-]{1,64}"
            r"(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?$",
            "a function's name or ARN, with :ALIAS or :VERSION behind it or not",
        ),
    ),
]
"""CreateFunction's limit on a name; the forms that Invoke takes."""

Queue = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^(https://sqs\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/\d{12}/)?[A-Za-z0-9_-]{1,80}$",
            "the name or URL of a standard queue of SQS",
        ),
    ),
]
"""CreateQueue's limit on a name; a FIFO queue wants a message group, and the service names none."""


class ExternalStep(StepBase):
    """What steps have whose work is done outside SageMaker's jobs."""

    inputs: Annotated[dict[InputName, InputValue], TAKEN_AS_IT_IS] = Field(
        default={}, max_length=50
    )
    """What is handed over: texts, numbers, flags; `${parameters.NAME}`, `${STEP.metrics.PATH}`,
    `${STEP.reports.NAME.PATH}`, `${STEP.final_metrics.NAME}`, `${STEP.final_metrics["NAME"]}` and
    `${STEP.outputs.NAME}` in a text are values of the execution."""
    outputs: dict[OutputName, ParameterType] = Field(default={}, max_length=50)
    """What comes back, by name: `STEP.outputs.NAME` in conditions, messages and inputs of later steps."""
    local_stand_in: Text | None = None
    """A script below the model's `source_directory` that a local run takes for it: its
    `lambda_handler(event, context)` gets the inputs and returns the outputs."""
    enable_cache: Flag = False
    """Whether SageMaker may reuse the result of an earlier, equal step. A local run does not: what counts
    as equal is not documented for this class."""
    cache_expire_after: CacheDuration = "10d"
    """How long a result may be reused."""
    on_failure: TextList = ()
    """Steps that run when this one failed, and only then."""

    @property
    def typed_outputs(self) -> Mapping[str, ParameterType]:
        return self.outputs


class LambdaStep(ExternalStep):
    """A step that calls a Lambda function."""

    step_class: Literal["Lambda"]
    """What the step does."""
    function: FunctionName
    """The function by its name, in the account and region of the deployment, or by its ARN."""


class CallbackStep(ExternalStep):
    """A step that puts a message into a queue and waits until its reader answers."""

    step_class: Literal["Callback"]
    """What the step does."""
    queue: Queue
    """The queue by its name, in the account and region of the deployment, or by its URL."""
