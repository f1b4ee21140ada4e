"""The types of values that AWS or the job's container is particular about."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from smp.config.values.base import LINE, TAKEN_AS_IT_IS, ScalarText, Text, fault, pattern
from smp.config.values.instance_types import InstanceKind, instance_types
from smp.config.values.varying import VARIES, VARIES_BY_EXECUTION, ParameterizableText, Varying
from smp.definition.expressions import ITEM, REFERENCE
from smp.definition.reserved_prefixes import RESERVED_WORDS, reserved_prefix
from smp.errors import near_names
from smp.text.messages import shown

DEPLOY_TIME_NAME = re.compile(r"\$\{smp:[a-z_.]+\}")


def _instance_type(kind: InstanceKind) -> AfterValidator:
    def check(value: str) -> str:
        known = instance_types(kind)
        if value not in known:
            full = f"ml.{value}"
            hint = f"did you mean {full!r}?" if full in known else near_names(value, known)
            raise fault("is not an instance type of this kind of job", _family(value, known), hint)
        return value

    return AfterValidator(check)


def _family(value: str, known: tuple[str, ...]) -> str:
    """Return the types of the same family, else one example of each family of the same class."""
    family = value.rsplit(".", 1)[0]
    same = [name for name in known if name.startswith(f"{family}.")]
    return ", ".join(same) or f"{len(known)} types, such as ml.m5.2xlarge"


def _schema(kind: InstanceKind) -> Any:
    return Field(json_schema_extra={"x-instance-kind": kind})


ProcessingInstance = Annotated[
    Text, _instance_type("ProcessingInstanceType"), _schema("ProcessingInstanceType")
]
TrainingInstance = Annotated[
    Text, _instance_type("TrainingInstanceType"), _schema("TrainingInstanceType")
]
TransformInstance = Annotated[
    Text, _instance_type("TransformInstanceType"), _schema("TransformInstanceType")
]
HostingInstance = Annotated[
    Text, _instance_type("ProductionVariantInstanceType"), _schema("ProductionVariantInstanceType")
]

InstanceCount = Varying[Annotated[int, Field(ge=1, le=100)]]
VolumeSize = Varying[Annotated[int, Field(ge=1, le=16384)]]
"""In GB."""

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
BUCKET_WORDS = "3 to 63 small letters, digits, dots and hyphens, or SMP_S3BUCKETNAME"


NOT_IN_A_KEY = re.compile(r"[*?\[\]{}\\^`\"<>|]|\$(?!\{)")


def _refuse_patterns(value: str) -> None:
    """Raise where an address looks like a pattern: S3 takes it as it is, and IAM would take more."""
    literal = DEPLOY_TIME_NAME.sub("", ITEM.sub("", REFERENCE.sub("", value)))
    match = NOT_IN_A_KEY.search(literal.replace("${", "{"))
    if match is not None:
        raise fault(
            f"has {shown(match[0])} in it: SageMaker reads no patterns",
            'an address without * ? [ ] { } \\ ^ ` " < > |',
            "a directory ends with '/', and all that is below it is read",
        )


def _check_bucket(value: str) -> str:
    if value.startswith("s3://"):
        raise fault("is a URI, and a bucket's name is expected", BUCKET_WORDS)
    if not BUCKET.fullmatch(DEPLOY_TIME_NAME.sub("x1y", value)):
        raise fault("is not a name of an S3 bucket", BUCKET_WORDS)
    return value


def _check_uri(value: str) -> str:
    if not value.startswith("s3://"):
        raise fault("is not an S3 URI", "s3://BUCKET/KEY")
    bucket = value.removeprefix("s3://").split("/")[0]
    if not BUCKET.fullmatch(DEPLOY_TIME_NAME.sub("x1y", bucket)):
        raise fault(f"{shown(bucket)} is not a name of an S3 bucket", BUCKET_WORDS)
    _refuse_patterns(value)
    if prefix := reserved_prefix(value):
        raise fault(
            f"is below {prefix}/, where a deployment keeps scripts and definitions of all pipelines",
            f"a prefix of SMP_S3BUCKETNAME other than {RESERVED_WORDS}",
        )
    return value


def _check_file_name(value: str) -> str:
    if value.startswith("s3://"):
        return _check_uri(value)
    if value.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", value):
        raise fault(
            "is neither an S3 URI nor a relative name",
            "s3://BUCKET/KEY, or a name below the channel's s3BucketName and inputBucketPrefix",
        )
    _refuse_patterns(value)
    return value


def _check_prefix(value: str) -> str:
    if "://" in value:
        raise fault("is a URI, and a prefix inside the bucket is expected", "a/prefix")
    _refuse_patterns(value)
    return value


def _check_container_path(value: str) -> str:
    inside = value == CONTAINER_ROOT or value.startswith(f"{CONTAINER_ROOT}/")
    if not inside or ".." in value.split("/") or any(map(str.isspace, value)):
        raise fault("is not a directory of a processing container", f"{CONTAINER_ROOT}/…")
    return value


def _check_checkpoint_path(value: str) -> str:
    parts = value.split("/")
    if not value.startswith("/opt/ml/") or ".." in parts or any(map(str.isspace, value)):
        raise fault("is not a directory for checkpoints", "/opt/ml/checkpoints, or below /opt/ml/")
    if parts[3] in ("input", "model", "output", "code", ""):
        reason = "is a directory that the service keeps for other things"
        raise fault(reason, "/opt/ml/checkpoints, or another below /opt/ml/")
    return value


CONTAINER_ROOT = "/opt/ml/processing"
"""ProcessingS3Input.LocalPath must begin with it (API reference)."""


def _in_schema(expression: str) -> Any:
    """Return what tells the JSON schema of a pattern that a check of this module looks after."""
    return Field(json_schema_extra={"pattern": expression})


BucketName = Annotated[Text, AfterValidator(_check_bucket), _in_schema("^[A-Za-z0-9._-]+$")]
S3Uri = Annotated[
    Text,
    Field(max_length=1024),
    LINE,
    AfterValidator(_check_uri),
    _in_schema("^s3://[^/]"),
    ParameterizableText(bucket="uri"),
]
FileName = Annotated[
    Text,
    Field(max_length=1024),
    LINE,
    AfterValidator(_check_file_name),
    _in_schema("^(s3://[^/]|(?!/|[A-Za-z][A-Za-z0-9+.-]*:))"),
    ParameterizableText(bucket="uri"),
]
S3Prefix = Annotated[str, Field(max_length=1024), LINE, AfterValidator(_check_prefix), VARIES]
DataBucket = Annotated[BucketName, ParameterizableText(bucket="name")]
CheckpointPath = Annotated[Text, Field(max_length=4096), AfterValidator(_check_checkpoint_path)]
ContainerPath = Annotated[Text, Field(max_length=256), AfterValidator(_check_container_path)]

ImageUri = Annotated[
    str,
    Field(
        min_length=1, max_length=255, pattern=pattern(r"^\S+$", "an image's URI, without spaces")
    ),
]
ContentType = Annotated[Text, Field(max_length=256), LINE]
MimeType = Annotated[
    str,
    Field(max_length=256, pattern=pattern(r"^[\w-]+/.+$", "a content type, such as text/csv")),
    LINE,
]
ModelName = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
            "1 to 63 letters, digits, '.', '_' and '-', the first a letter or digit",
        )
    ),
]
SectionName = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[A-Za-z][A-Za-z0-9_-]{0,62}$",
            "1 to 63 letters, digits, '_' and '-', the first a letter",
        )
    ),
]
ChannelName = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$",
            "1 to 64 letters, digits, '.', '_' and '-', the first none of '.' and '-'",
        )
    ),
]
EnvironmentName = Annotated[
    str,
    Field(
        max_length=32,
        pattern=pattern(r"^[A-Za-z][A-Za-z0-9-]*$", "letters, digits and hyphens, a letter first"),
    ),
]
HYPHENATED = pattern(
    r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,62}$",
    "1 to 63 letters, digits and hyphens, no hyphen first or last",
)
HyphenatedName = Annotated[str, Field(pattern=HYPHENATED)]

RESERVED_CHANNELS = ("code", "sm_drivers")


def _check_training_channel(name: str) -> str:
    if name in RESERVED_CHANNELS:
        raise fault(f"'{name}' is a channel of the container's own", "another name")
    return name


TrainingChannelName = Annotated[
    ChannelName,
    AfterValidator(_check_training_channel),
    _in_schema("^(?!(code|sm_drivers)$)[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"),
]
"""ChannelName of CreateTrainingJob: what a start script makes of it is checked with the step."""

ScriptArguments = Annotated[
    tuple[Annotated[ScalarText, Field(max_length=256), VARIES_BY_EXECUTION], ...],
    Field(strict=False, max_length=99),
]
"""ContainerArguments of CreateProcessingJob (botocore 1.44.5), but for the one that names the script."""

VariableName = Annotated[
    str,
    Field(
        max_length=256,
        pattern=pattern(
            "^[A-Za-z_][A-Za-z0-9_]*$", "letters, digits and '_', the first not a digit"
        ),
    ),
]
ProcessingEnvironment = Annotated[
    dict[VariableName, Annotated[ScalarText, Field(max_length=256), VARIES_BY_EXECUTION]],
    Field(max_length=100),
    TAKEN_AS_IT_IS,
]
TrainingEnvironment = Annotated[
    dict[VariableName, Annotated[ScalarText, Field(max_length=512), VARIES_BY_EXECUTION]],
    Field(max_length=100),
    TAKEN_AS_IT_IS,
]
TransformEnvironment = Annotated[
    dict[VariableName, Annotated[ScalarText, Field(max_length=10240), VARIES_BY_EXECUTION]],
    Field(max_length=16),
    TAKEN_AS_IT_IS,
]
ModelEnvironment = Annotated[
    dict[VariableName, Annotated[ScalarText, Field(max_length=1024), VARIES_BY_EXECUTION]],
    Field(max_length=100),
    TAKEN_AS_IT_IS,
]
"""Limits of CreateProcessingJob, CreateTrainingJob, CreateTransformJob, CreateModel (botocore 1.44.5)."""


def _resource(expression: str, what: str) -> Callable[[str], str]:
    compiled = re.compile(expression)

    def check(value: str) -> str:
        if not compiled.fullmatch(value) and not DEPLOY_TIME_NAME.fullmatch(value):
            raise fault(f"is not a {what}", example)
        return value

    example = RESOURCE_EXAMPLES[what]
    return check


RESOURCE_EXAMPLES = {
    "role's ARN": "arn:aws:iam::111122223333:role/NAME, or SMP_ROLE",
    "KMS key": "a key's id, its ARN, or alias/NAME",
    "subnet's id": "subnet-0123456789abcdef0, or SMP_SUBNETS",
    "security group's id": "sg-0123456789abcdef0, or SMP_SECURITYGROUPS",
}
RoleArn = Annotated[
    Text,
    AfterValidator(_resource(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}", "role's ARN")),
]
KmsKey = Annotated[Text, AfterValidator(_resource(r"[A-Za-z0-9:/_-]{1,2048}", "KMS key"))]
SubnetId = Annotated[Text, AfterValidator(_resource(r"subnet-[0-9a-z]{8,17}", "subnet's id"))]
SecurityGroupId = Annotated[
    Text, AfterValidator(_resource(r"sg-[0-9a-z]{8,17}", "security group's id"))
]
