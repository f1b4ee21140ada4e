"""Steps that run a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from smp.config.sections.job_section import TWENTY_EIGHT_DAYS
from smp.config.sections.retry import RetrySection
from smp.config.sections.spark import BELOW, PATH, AnyFile
from smp.config.steps.base import Place, StepBase
from smp.config.values.aws import ImageUri, TrainingEnvironment, TrainingInstance, VolumeSize
from smp.config.values.base import TAKEN_AS_IT_IS, ScalarText, Tags, TextList, fault, pattern
from smp.config.values.message import check_message
from smp.config.values.varying import EVALUATED, VARIES, Varying

Notebook = Annotated[
    str, Field(pattern=pattern(PATH + r"\.ipynb$", f"{BELOW} that ends in .ipynb"))
]
ShellScript = Annotated[str, Field(pattern=pattern(PATH + r"\.sh$", f"{BELOW} that ends in .sh"))]
ParameterName = Annotated[
    str,
    Field(
        max_length=256,
        pattern=pattern(
            "^[A-Za-z_][A-Za-z0-9_]*$", "letters, digits and '_', the first not a digit"
        ),
    ),
]
ParameterValue = Annotated[
    ScalarText, Field(max_length=2500), AfterValidator(check_message), EVALUATED
]
"""Limits of HyperParameters in CreateTrainingJob (botocore 1.44.5)."""

RESERVED_ENV_VARS = frozenset(
    {
        "AWS_DEFAULT_REGION",
        "SM_ENV_NAME",
        "SM_EXECUTION_INPUT_PATH",
        "SM_INIT_SCRIPT",
        "SM_INPUT_NOTEBOOK_NAME",
        "SM_JOB_DEF_VERSION",
        "SM_KERNEL_NAME",
        "SM_OUTPUT_NOTEBOOK_NAME",
        "SM_SKIP_EFS_SIMULATION",
    }
)
"""Variables by which the program that runs notebooks in SageMaker's images is reported what to do."""
MAX_VARIABLES = 100


def _check_environment(env: dict[str, str]) -> dict[str, str]:
    taken = next((name for name in env if name in RESERVED_ENV_VARS), None)
    if taken is not None:
        raise fault(f"'{taken}' is a variable that the job sets itself", at=(taken,))
    if len(env) > MAX_VARIABLES - len(RESERVED_ENV_VARS):
        reason = (
            f"has too many entries: the job sets {len(RESERVED_ENV_VARS)} of {MAX_VARIABLES} itself"
        )
        raise fault(reason, f"at most {MAX_VARIABLES - len(RESERVED_ENV_VARS)}")
    return env


class NotebookJobStep(StepBase):
    """A step that runs a notebook as SageMaker Studio's notebook jobs do: in a training job."""

    step_class: Literal["NotebookJob"]
    """What the step does."""
    input_notebook: Notebook
    """The notebook, below the model's `source_directory`."""
    image_uri: ImageUri
    """An image that has the kernel and what runs notebooks, such as SageMaker Distribution."""
    kernel_name: Annotated[
        str,
        Field(
            pattern=pattern(
                r"^[A-Za-z0-9._-]{1,256}$", "the name of a kernel in the image, such as python3"
            )
        ),
    ]
    """The kernel of the image that runs the notebook."""
    parameters: Annotated[dict[ParameterName, ParameterValue], TAKEN_AS_IT_IS] = Field(
        default={}, max_length=100
    )
    """What takes the place of the values in the cell tagged `parameters`: texts, with values of the
    execution as those in the message of a Fail step."""
    chain_input_source_step: TextList = ()
    """Steps whose outputs the notebook finds below /opt/ml/input/data."""
    initialization_script: ShellScript | None = None
    """A shell script below `source_directory` that is sourced before the notebook runs."""
    additional_dependencies: Annotated[tuple[AnyFile, ...], Field(strict=False, max_length=50)] = ()
    """Files and directories below `source_directory` that lie beside the notebook."""
    env: Annotated[TrainingEnvironment, AfterValidator(_check_environment)] = Field(default={})
    """Environment variables of the notebook."""
    instance_type: Annotated[TrainingInstance, VARIES] = "ml.m5.large"
    """The instance type of the job."""
    volume_size_in_gb: VolumeSize = 30
    """The size of the instance's volume, in GB."""
    max_runtime_seconds: Varying[Annotated[int, Field(ge=1, le=TWENTY_EIGHT_DAYS)]] = 172800
    """The time after which the job is stopped, in seconds."""
    max_retry_attempts: Annotated[int, Field(ge=1, le=30)] = 1
    """How often the job begins again after a fault internal to the service."""
    tags: Tags = ()
    """Tags of the job, beside those of the pipeline."""
    retry: RetrySection | None = None
    """When the step runs again after a fault of the service; the pipeline's rules without it."""
    on_failure: TextList = ()
    """Steps that run when this one failed, and only then."""

    def named_files(self) -> Iterator[tuple[Place, str]]:
        yield ("input_notebook",), self.input_notebook
        if self.initialization_script is not None:
            yield ("initialization_script",), self.initialization_script
        for index, path in enumerate(self.additional_dependencies):
            yield ("additional_dependencies", index), path

    @model_validator(mode="after")
    def _check_names(self) -> NotebookJobStep:
        seen: dict[str, str] = {}
        for place, path in self.named_files():
            name = PurePosixPath(path).name
            if name in seen:
                reason = f"'{seen[name]}' has the same name, and all files are in one directory"
                raise fault(reason, "files of different names", at=place)
            seen[name] = path
        return self
