"""Steps that run Spark or Hive on EMR Serverless."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from smp.config.sections.retry import RetrySection
from smp.config.sections.spark import (
    BELOW,
    PATH,
    SEVERAL,
    AnyFile,
    JavaArchive,
    OneOrMore,
    PropertyName,
    PythonFile,
)
from smp.config.steps.base import CacheDuration, Place, StepBase
from smp.config.values.aws import S3Uri
from smp.config.values.base import (
    TAKEN_AS_IT_IS,
    ConfigModel,
    Flag,
    ScalarText,
    Tags,
    TextList,
    fault,
    pattern,
)
from smp.config.values.message import check_message
from smp.config.values.varying import EVALUATED, Varying

ApplicationId = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[0-9a-z]{1,64}$", "an application's id: up to 64 digits and small letters"
        )
    ),
]
Role = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^(arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}|[A-Za-z0-9_+=,.@-]{1,64})$",
            "a role's name or ARN",
        )
    ),
]
ReleaseLabel = Annotated[
    str,
    Field(pattern=pattern(r"^(emr-)[A-Za-z0-9._/-]{1,60}$", "a release of EMR, such as emr-7.9.0")),
]
Cpu = Annotated[
    ScalarText, Field(pattern=pattern(r"^[1-9][0-9]{0,8}\s?(vCPU)?$", "vCPUs, such as 4 vCPU"))
]
Gigabytes = Annotated[
    str, Field(pattern=pattern(r"^[1-9][0-9]{0,8}\s?GB$", "gigabytes, such as 16 GB"))
]
ApplicationImage = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9][a-z0-9._/-]*"
            r"(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$",
            "an image in ECR with a tag or digest",
        )
    ),
]
WorkerType = Annotated[
    str, Field(pattern=pattern(r"^[a-zA-Z]+[-_]*[a-zA-Z]+$", "letters, such as Driver"))
]
LogKey = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-zA-Z0-9-]+$", "the ARN of a key"
        )
    ),
]
"""Patterns and limits of CreateApplication and StartJobRun (botocore 1.44.5)."""

Said = Annotated[
    ScalarText,
    Field(min_length=1, max_length=1024),
    AfterValidator(check_message),
    EVALUATED,
]
"""A text with values of the execution in it, as those in the message of a Fail step."""
ClassName = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[A-Za-z_$][A-Za-z0-9_$]*([.][A-Za-z_$][A-Za-z0-9_$]*)*$",
            "a class with its package, such as com.example.Rows",
        )
    ),
]
QueryFile = Annotated[
    str,
    Field(pattern=pattern(PATH + r"\.(sql|hql|q)$", f"{BELOW} that ends in .sql, .hql or .q")),
]
EntryPoint = Annotated[
    str, Field(pattern=pattern(PATH + r"\.(py|jar)$", f"{BELOW} that ends in .py or .jar"))
]


class Workers(ConfigModel):
    """Workers of one type that an application keeps ready."""

    worker_count: Annotated[int, Field(ge=1, le=1_000_000)]
    """How many."""
    cpu: Cpu
    """The vCPUs of each."""
    memory: Gigabytes
    """The memory of each."""
    disk: Gigabytes | None = None
    """The disk of each."""


class Capacity(ConfigModel):
    """What all workers of an application have together at most."""

    cpu: Cpu
    """Their vCPUs."""
    memory: Gigabytes
    """Their memory."""
    disk: Gigabytes | None = None
    """Their disks."""


class Application(ConfigModel):
    """An application that the step makes and, when the job has ended, deletes."""

    release_label: ReleaseLabel
    """The release of EMR."""
    architecture: Literal["X86_64", "ARM64"] = "X86_64"
    """The processors of its workers."""
    image_uri: ApplicationImage | None = None
    """An own image for its workers, in place of that of the release."""
    initial_capacity: Annotated[dict[WorkerType, Workers], TAKEN_AS_IT_IS] = Field(
        default={}, max_length=10
    )
    """Workers that are ready before the job starts, by type: `Driver` and `Executor`, or for Hive
    `HiveDriver` and `TezTask`."""
    maximum_capacity: Capacity | None = None
    """What it may grow to; without it up to the account's quota."""


class SparkJob(ConfigModel):
    """What is submitted to Spark."""

    entry_point: EntryPoint
    """The script or Java archive, below the model's `source_directory`."""
    arguments: tuple[Said, ...] = Field(default=(), max_length=1024, strict=False)
    """What it is called with."""
    main_class: ClassName | None = None
    """The class in the Java archive that is run."""
    py_files: Annotated[tuple[PythonFile, ...], SEVERAL, OneOrMore] = ()
    """Python files, and archives of them, for the driver and the executors."""
    jars: Annotated[tuple[JavaArchive, ...], SEVERAL, OneOrMore] = ()
    """Java archives for the driver and the executors."""
    files: Annotated[tuple[AnyFile, ...], SEVERAL, OneOrMore] = ()
    """Files that every executor finds in its working directory."""
    properties: Annotated[dict[PropertyName, Said], TAKEN_AS_IT_IS] = Field(
        default={}, max_length=100
    )
    """Properties of Spark, such as `spark.executor.memory`."""

    @model_validator(mode="after")
    def _check_class(self) -> SparkJob:
        is_java = self.entry_point.endswith(".jar")
        if self.main_class is not None and not is_java:
            raise fault("is for an entry_point that is a Java archive", at=("main_class",))
        if is_java and self.main_class is None:
            raise fault("a Java archive needs main_class, the class that is run")
        return self


class HiveJob(ConfigModel):
    """What is submitted to Hive."""

    query: QueryFile
    """The file with the query, below the model's `source_directory`."""
    init_query: QueryFile | None = None
    """A file with what is run before it."""
    properties: Annotated[dict[PropertyName, Said], TAKEN_AS_IT_IS] = Field(
        default={}, max_length=100
    )
    """Properties of Hive, such as `hive.exec.scratchdir`."""


class EMRServerlessStep(StepBase):
    """A step that runs a job of Spark or Hive in an application of EMR Serverless."""

    step_class: Literal["EMRServerless"]
    """What the step does."""
    application_id: ApplicationId | None = None
    """An application that is there; this or `application`."""
    application: Application | None = None
    """An application that the step makes for its job and deletes after it."""
    execution_role: Role
    """The role that the job has, by its name in the account of the deployment or by its ARN; EMR
    Serverless must be allowed to assume it."""
    spark: SparkJob | None = None
    """What is submitted to Spark; this or `hive`."""
    hive: HiveJob | None = None
    """What is submitted to Hive."""
    execution_timeout_minutes: Varying[Annotated[int, Field(ge=1, le=1_000_000)]] = 720
    """The time after which the job is stopped, in minutes."""
    log_uri: S3Uri | None = None
    """Where the job's logs go, in S3; without it they stay with EMR Serverless, for 30 days."""
    log_kms_key: LogKey | None = None
    """The key of these logs, in place of the pipeline's."""
    tags: Tags = ()
    """Tags of the job, and of an application that the step makes."""
    enable_cache: Flag = False
    """Whether SageMaker may reuse the result of an earlier, equal step."""
    cache_expire_after: CacheDuration = "10d"
    """How long a result may be reused."""
    retry: RetrySection | None = None
    """When the step runs again after a fault of the service; the pipeline's rules without it."""
    on_failure: TextList = ()
    """Steps that run when this one failed, and only then."""

    def named_files(self) -> Iterator[tuple[Place, str]]:
        if self.spark is not None:
            yield ("spark", "entry_point"), self.spark.entry_point
            for key in ("py_files", "jars", "files"):
                for index, name in enumerate(getattr(self.spark, key)):
                    yield ("spark", key, index), name
        if self.hive is not None:
            yield ("hive", "query"), self.hive.query
            if self.hive.init_query is not None:
                yield ("hive", "init_query"), self.hive.init_query

    @model_validator(mode="after")
    def _check_choices(self) -> EMRServerlessStep:
        if (self.application_id is None) == (self.application is None):
            raise fault(
                "needs an application, from one place", "one of application_id and application"
            )
        if (self.spark is None) == (self.hive is None):
            raise fault("needs a job, of one kind", "one of spark and hive")
        if self.log_kms_key is not None and self.log_uri is None:
            raise fault("has no effect without log_uri", at=("log_kms_key",))
        return self
