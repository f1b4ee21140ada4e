"""The `train` section: a training job, and the machines that it runs on."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from smp.config.sections.job_section import (
    RUNTIME_SPELLINGS,
    TWENTY_EIGHT_DAYS,
    JobSection,
)
from smp.config.sections.registry import DEFAULT_INSTANCE_TYPE
from smp.config.values.aws import (
    CheckpointPath,
    ContentType,
    S3Uri,
    TrainingEnvironment,
    TrainingInstance,
    VolumeSize,
)
from smp.config.values.base import (
    LINE,
    ConfigModel,
    Flag,
    S3Distribution,
    Text,
    fault,
    pattern,
)
from smp.config.values.channels import TrainingChannels
from smp.config.values.hyperparameters import Hyperparameters
from smp.config.values.images import ONE_OF_ALL, AlgorithmChoice, Framework
from smp.config.values.varying import VARIES, Varying, fixed

Option = Annotated[
    Text,
    Field(pattern=pattern(r"^[A-Za-z0-9_.,:=/@%+-]+$", "one word of mpirun's, without spaces")),
]


class DistributedTraining(ConfigModel):
    """What starts the script: one process for each GPU, or as many as are asked for, on each machine."""

    type: Literal["torchrun", "mpi"]
    """`torchrun` of PyTorch, or `mpirun`, which the image has to bring."""
    processes_per_node: Annotated[int, Field(ge=1, le=256)] | None = None
    """The processes on each machine; without it one for each GPU, or one."""
    mpi_options: Annotated[tuple[Option, ...], Field(strict=False)] = ()
    """Further words of the command `mpirun`."""

    @model_validator(mode="after")
    def _check_options(self) -> DistributedTraining:
        if self.mpi_options and self.type != "mpi":
            raise fault("is for mpirun", "type: mpi, or no mpi_options", at=("mpi_options",))
        return self


LAUNCHED: dict[str, tuple[Framework | None, ...]] = {
    "torchrun": (None, "pytorch"),
    "mpi": (None, "pytorch", "tensorflow", "mxnet"),
}
"""The frameworks whose images bring what starts several processes; none stands for an own image."""


class MetricDefinition(ConfigModel):
    """A metric that the service reads from a training job's log."""

    name: Annotated[Text, LINE] = Field(alias="Name", max_length=255)
    """The metric's name."""
    regex: Annotated[Text, LINE] = Field(alias="Regex", max_length=500)
    """A regular expression whose first group is the value."""


class TrainSection(JobSection, AlgorithmChoice):
    """A training job: a script in an image, or the algorithm that an image brings."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"required": ["entry_point", "local_stand_in"]},
            "oneOf": ONE_OF_ALL,
        }
    )

    spellings: ClassVar[dict[str, str]] = {
        **RUNTIME_SPELLINGS,
        "hyperparams": "hyperparameters",
        "use_spot_instances": "use_spot",
        "max_wait": "max_wait_seconds",
        "keep_alive_period_in_seconds": "keep_alive_seconds",
    }

    entry_point: Text | None = None
    """The script, relative to `source_directory`: a `.py` or `.sh` file. Without it the job runs the
    algorithm that the image brings, such as a built-in one of SageMaker, and chained inputs are
    channels of the name that the step before gives its output."""
    local_stand_in: Text | None = None
    """In place of `entry_point`: a `.py` file below `source_directory` that runs in a local run where
    the image's algorithm would; it is not shipped to AWS."""
    instance_type: Annotated[TrainingInstance, VARIES] = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    env: TrainingEnvironment = Field(default={})
    """Environment variables of the script."""
    network_isolation: Flag = False
    """Whether the container has no network, not even to AWS services: the service brings its data."""
    volume_size_in_gb: VolumeSize = 32
    """The size of each instance's volume, in GB."""
    max_runtime_seconds: Varying[Annotated[int, Field(ge=1, le=TWENTY_EIGHT_DAYS)]] = 3000
    """The time after which the job is stopped, in seconds."""
    distributed: DistributedTraining | None = None
    """How several processes run the script together; without it one runs it on each machine."""
    use_spot: Annotated[
        Flag, fixed("max_wait_seconds has to be given with it, and only with it")
    ] = False
    """Whether the job runs on spare capacity, which is cheaper and may be taken away while it runs."""
    max_wait_seconds: Varying[Annotated[int, Field(ge=1, le=TWENTY_EIGHT_DAYS)]] | None = None
    """With `use_spot`: the time for waiting and running together, in seconds."""
    checkpoint_s3_uri: S3Uri | None = None
    """Where the script's checkpoints are kept: what is there when the job starts, or starts again, is
    put into `checkpoint_local_path`."""
    checkpoint_local_path: CheckpointPath = "/opt/ml/checkpoints"
    """The directory in the container where the script writes its checkpoints."""
    keep_alive_seconds: Varying[Annotated[int, Field(ge=1, le=21_600)]] | None = None
    """How long the instances are kept, and paid for, after the job, for the next one like it."""
    output_path: S3Uri | None = None
    """Where the model's artifact goes; without it a place in the project's bucket."""
    content_type: Annotated[ContentType, VARIES] | None = None
    """The content type of the channels' data."""
    input_mode: Annotated[Literal["File", "FastFile", "Pipe"], VARIES] = "File"
    """How data gets into the container."""
    distribution: Annotated[S3Distribution, VARIES] = "FullyReplicated"
    """Whether each instance gets all data or a part of it."""
    hyperparameters: Hyperparameters = Field(default={})
    """Arguments of the script, `--name value`, or settings of the image's algorithm. A text arrives as it
    is written, a list or mapping as JSON text."""
    metric_definitions: tuple[MetricDefinition, ...] = Field(
        default=(), max_length=40, strict=False
    )
    """Metrics that the service reads from the log. A built-in algorithm reports its own, and the service
    refuses others."""
    model_data_uri: S3Uri | None = None
    """An artifact to begin from."""
    channels: TrainingChannels = Field(default={}, max_length=20)
    """Data by channel: each at `/opt/ml/input/data/<channel>`. Of an image's own algorithm, channels
    without files are the outputs that it takes of chained processing steps; without any it takes all."""

    @model_validator(mode="after")
    def _check_stand_in(self) -> TrainSection:
        if self.local_stand_in is not None and self.entry_point is not None:
            reason = "has no effect together with 'entry_point', which runs in a local run too"
            raise fault(reason, "one of the two", at=("local_stand_in",))
        if self.algorithm is not None and self.entry_point is not None:
            reason = "is not run by 'algorithm', which brings its own"
            allowed = "algorithm without entry_point, or a framework or image_uri with it"
            raise fault(reason, allowed, at=("entry_point",))
        if self.algorithm is not None and self.metric_definitions:
            reason = "is not for 'algorithm', which reports its own metrics"
            raise fault(reason, "no metric_definitions", at=("metric_definitions",))
        return self

    @model_validator(mode="after")
    def _check_distributed(self) -> TrainSection:
        if self.distributed is None:
            return self
        kind, at = self.distributed.type, ("distributed", "type")
        if self.entry_point is None or not self.entry_point.endswith(".py"):
            raise fault("starts a Python script", "an entry_point that ends in .py", at=at)
        if self.framework not in LAUNCHED[kind]:
            allowed = "framework: " + " or ".join(name for name in LAUNCHED[kind] if name)
            reason = f"is not what the images of {self.framework} bring"
            raise fault(reason, f"{allowed}, or an own image_uri", at=at)
        return self

    @model_validator(mode="after")
    def _check_spot(self) -> TrainSection:
        wait, run = self.max_wait_seconds, self.max_runtime_seconds
        if self.use_spot and wait is None:
            allowed = f"max_wait_seconds of at least max_runtime_seconds, {run}"
            raise fault("needs a limit for waiting for capacity", allowed, at=("use_spot",))
        if wait is not None and not self.use_spot:
            raise fault(
                "has no effect without 'use_spot'", "use_spot: true", at=("max_wait_seconds",)
            )
        if isinstance(wait, int) and isinstance(run, int) and wait < run:
            reason = "is less than max_runtime_seconds, which it includes"
            raise fault(reason, f"at least {run}", at=("max_wait_seconds",))
        if self.use_spot and self.keep_alive_seconds is not None:
            reason = "is not possible with 'use_spot': spot instances are not kept"
            raise fault(reason, "one of the two", at=("keep_alive_seconds",))
        if "checkpoint_local_path" in self.model_fields_set and self.checkpoint_s3_uri is None:
            reason = "has no effect without 'checkpoint_s3_uri'"
            raise fault(reason, "checkpoint_s3_uri beside it", at=("checkpoint_local_path",))
        return self
