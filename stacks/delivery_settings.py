"""Settings of the delivery: the key `smp.delivery` in the context of cdk.json."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from smp.config.values.base import ConfigModel, fault, pattern
from stacks.setting_values import Account, BucketName, EnvironmentName, LogDays, Region, VpcId

MAX_SOURCES = 50
"""Actions that one stage of a CodePipeline takes (CodePipeline quotas); each source is one."""

MAX_PATHS = 8
"""Patterns of a trigger's path filter (CodePipeline, GitFilePathFilterCriteria)."""


def _without_dots(value: str) -> str:
    if ".." in value:
        raise fault("holds '..'")
    return value


ModelDirectory = Annotated[
    str,
    Field(
        max_length=64,
        pattern=pattern(
            r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
            "a directory's name below model_configs: letters, digits, _ and -",
        ),
    ),
]
ConnectionArn = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}"
            r":connection/[A-Za-z0-9-]+$",
            "the ARN of a connection, as CodeConnections shows it",
        )
    ),
]
RepositoryPath = Annotated[
    str,
    Field(
        max_length=255,
        pattern=pattern(
            r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$", "owner/name, such as example-org/churn"
        ),
    ),
    AfterValidator(_without_dots),
]
RepositoryName = Annotated[
    str,
    Field(
        max_length=100,
        pattern=pattern(r"^[A-Za-z0-9_.-]+$", "the name of a CodeCommit repository"),
    ),
]
Branch = Annotated[
    str,
    Field(
        max_length=255,
        pattern=pattern(r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$", "the name of one branch"),
    ),
    AfterValidator(_without_dots),
]
PathPattern = Annotated[
    str,
    Field(
        max_length=255,
        pattern=pattern(
            r"^[A-Za-z0-9_.*][A-Za-z0-9_./*-]*$", "a path or a pattern in the repository: conf/**"
        ),
    ),
    AfterValidator(_without_dots),
]
ObjectKey = Annotated[
    str,
    Field(
        max_length=1024,
        pattern=pattern(r"^[A-Za-z0-9_][A-Za-z0-9_./-]*\.zip$", "the key of a .zip archive"),
    ),
    AfterValidator(_without_dots),
]
Email = Annotated[
    str,
    Field(max_length=254, pattern=pattern(r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+$", "an address")),
]
SubnetId = Annotated[str, Field(pattern=pattern(r"^subnet-[0-9a-f]{8,17}$", "a subnet's id"))]
SecurityGroupId = Annotated[
    str, Field(pattern=pattern(r"^sg-[0-9a-f]{8,17}$", "a security group's id"))
]


class ConnectionSource(ConfigModel):
    """A branch on GitHub, GitLab or Bitbucket, reached through a connection."""

    type: Literal["codeconnections"]
    connection_arn: ConnectionArn = Field(alias="connectionArn")
    repository: RepositoryPath
    branch: Branch = "main"
    provider: Literal["github", "gitlab", "bitbucket", "selfManaged"] = "github"
    """The connection's provider, which its ARN does not contain. Only checks of pull requests use it."""
    paths: Annotated[tuple[PathPattern, ...], Field(strict=False)] = Field(
        default=(), max_length=MAX_PATHS
    )
    """Only a push that touches one of these starts the delivery; none: every push does."""


class CodeCommitSource(ConfigModel):
    """A branch of a CodeCommit repository in the account and region of the delivery."""

    type: Literal["codecommit"]
    repository: RepositoryName
    branch: Branch = "main"


class S3Source(ConfigModel):
    """An archive in a versioned bucket that sends its events to EventBridge."""

    type: Literal["s3"]
    bucket: BucketName
    key: ObjectKey


Source = Annotated[
    ConnectionSource | CodeCommitSource | S3Source,
    Field(discriminator="type"),
]


def _check_waiting(stage: StageSettings) -> StageSettings:
    if stage.wait_for_pipelines and not stage.start_pipelines:
        raise fault(
            "waits for executions that it does not start",
            hint="set startPipelines to true, or waitForPipelines to false",
            at=("waitForPipelines",),
        )
    return stage


class StageSettings(ConfigModel):
    """One environment of the delivery, in the order in which they are deployed."""

    environment: EnvironmentName
    approval: bool = False
    """A person reads the review text and decides, before anything is deployed."""
    check_permissions: bool | None = Field(default=None, alias="checkPermissions")
    """Wider permissions head the review text; in a stage without an approval they fail it.

    Default: if there is an approval. A new pipeline always widens permissions, and so does the first
    deployment.
    """
    start_pipelines: bool = Field(default=True, alias="startPipelines")
    """Pipelines that changed are started after they were deployed."""
    wait_for_pipelines: bool = Field(default=False, alias="waitForPipelines")
    """The stage ends with the executions, and fails where one of them does."""

    @property
    def checks_permissions(self) -> bool:
        return self.approval if self.check_permissions is None else self.check_permissions


def _check_stages(stages: tuple[StageSettings, ...]) -> tuple[StageSettings, ...]:
    names = [stage.environment for stage in stages]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise fault("a stage above deploys to this environment", at=(index, "environment"))
    return stages


class BuildNetwork(ConfigModel):
    """The network of the builds, with a way to the package registries and to AWS."""

    vpc_id: VpcId = Field(alias="vpcId")
    subnet_ids: Annotated[tuple[SubnetId, ...], Field(strict=False)] = Field(
        alias="subnetIds", min_length=1, max_length=16
    )
    security_group_ids: Annotated[tuple[SecurityGroupId, ...], Field(strict=False)] = Field(
        alias="securityGroupIds", min_length=1, max_length=5
    )


class SlackSettings(ConfigModel):
    """A channel of a workspace that was connected in the console of Amazon Q in chat applications."""

    workspace_id: str = Field(
        alias="workspaceId", pattern=pattern(r"^[0-9A-Z]{1,255}$", "a workspace's id: T0123ABCD")
    )
    channel_id: str = Field(
        alias="channelId", pattern=pattern(r"^[A-Za-z0-9]{1,255}$", "a channel's id: C0123ABCD")
    )


class NotificationSettings(ConfigModel):
    """Who is notified of failures and pending approvals."""

    emails: Annotated[tuple[Email, ...], Field(strict=False)] = Field(default=(), max_length=20)
    slack: SlackSettings | None = None


GithubRepository = Annotated[
    str,
    Field(
        max_length=140,
        pattern=pattern(
            r"^[A-Za-z0-9-]+(@[0-9]+)?/[A-Za-z0-9_.-]+(@[0-9]+)?$",
            "owner/name of a GitHub repository, or owner@id/name@id if its tokens have that form",
        ),
    ),
]


class GithubActionsSettings(ConfigModel):
    """A read-only role that workflows of these GitHub repositories take by OIDC."""

    repositories: Annotated[tuple[GithubRepository, ...], Field(strict=False)] = Field(
        min_length=1, max_length=50
    )
    provider_arn: (
        Annotated[
            str,
            Field(
                pattern=pattern(
                    r"^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\.actions"
                    r"\.githubusercontent\.com$",
                    "the ARN of the account's OIDC provider for GitHub",
                )
            ),
        ]
        | None
    ) = Field(default=None, alias="providerArn")
    """An account has one provider: set this if it already exists."""


class PullRequestSettings(ConfigModel):
    """Checks of pull requests that come from people on a list."""

    allowed_actors: Annotated[
        tuple[
            Annotated[
                str,
                Field(
                    pattern=pattern(
                        r"^[A-Za-z0-9:{}-]{1,128}$",
                        "an account's id, which is a number on GitHub and GitLab, not its name",
                    )
                ),
            ],
            ...,
        ],
        Field(strict=False),
    ] = Field(default=(), alias="allowedActors", max_length=50)
    """Empty: CodeBuild checks no pull request (GitHub Actions may)."""
    environment: EnvironmentName | None = None
    """The environment whose deployed pipelines are compared with; default: the first stage's."""
    smoke_run: bool = Field(default=True, alias="smokeRun")
    """Run each pipeline that changed on the build machine, on a sample of its data."""
    timeout_minutes: int = Field(default=60, alias="timeoutMinutes", ge=5, le=420)
    concurrent_builds: int = Field(default=2, alias="concurrentBuilds", ge=1, le=20)
    github_actions: GithubActionsSettings | None = Field(default=None, alias="githubActions")


class DeliverySettings(ConfigModel):
    """Everything under the key `smp.delivery`."""

    account: Account
    region: Region
    repository: Source
    models: dict[ModelDirectory, Source] = Field(default={}, max_length=MAX_SOURCES - 1)
    stages: Annotated[
        tuple[Annotated[StageSettings, AfterValidator(_check_waiting)], ...],
        Field(strict=False),
        AfterValidator(_check_stages),
    ] = Field(min_length=1, max_length=20)
    network: BuildNetwork | None = None
    log_days: LogDays = Field(default=365, alias="logDays")
    notifications: NotificationSettings = NotificationSettings()
    pull_requests: PullRequestSettings | None = Field(default=None, alias="pullRequests")
