"""The build that a pull request starts: it fetches, hands over, waits, and reports to the repository.

It alone holds the connection, so it never runs anything that a repository brought: it only packs files.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge
from constructs_lib.pull_request_builds import (
    HANDOVER_PREFIX,
    BuildPlace,
    PullRequestBuild,
    build_role,
    environment,
    shared_settings,
    shared_statements,
)
from constructs_lib.role_policy import RolePolicy
from smp.definition.permissions.statement import Statement

STATUS_CONTEXT = "smp: validate, review, smoke run"
"""The name of the status at the pull request."""

WAITING_MINUTES = 30
"""How long a change waits for a free build."""

DOOR_LIMIT = 20
"""Checks at once for one repository; a pull request beyond it has to be updated again."""

CONNECTED = (
    "The source is reached through a connection of CodeConnections, an installed app with "
    "short-lived tokens."
)
CONNECTION_ACTIONS = ("GetConnection", "GetConnectionToken", "UseConnection")


@dataclass(frozen=True)
class Provider:
    """A host of repositories, in the words of CodeBuild."""

    source_type: str
    host: str
    events: tuple[str, ...]
    approvers: tuple[str, ...]
    """Roles whose members may start a check of a fork's pull request with a comment."""


OPENED = ("PULL_REQUEST_CREATED", "PULL_REQUEST_UPDATED")
PROVIDERS: Mapping[str, Provider] = {
    "github": Provider(
        "GITHUB",
        "github.com",
        (*OPENED, "PULL_REQUEST_REOPENED"),
        ("GITHUB_WRITE", "GITHUB_MAINTAIN", "GITHUB_ADMIN"),
    ),
    "gitlab": Provider(
        "GITLAB",
        "gitlab.com",
        (*OPENED, "PULL_REQUEST_REOPENED"),
        ("GITLAB_DEVELOPER", "GITLAB_MAINTAINER", "GITLAB_OWNER"),
    ),
    "bitbucket": Provider(
        "BITBUCKET", "bitbucket.org", OPENED, ("BITBUCKET_WRITE", "BITBUCKET_ADMIN")
    ),
}
"""CodeBuild has no event of a reopened pull request on Bitbucket."""


@dataclass(frozen=True)
class ConnectedRepository:
    """A branch of a repository that a connection leads to."""

    connection_arn: str
    provider: Literal["github", "gitlab", "bitbucket"]
    repository: str
    branch: str

    @property
    def location(self) -> str:
        return f"https://{PROVIDERS[self.provider].host}/{self.repository}.git"


class PullRequestGateway(Construct):
    """One CodeBuild project with the webhook of one repository.

    `name` is `app` or a model's directory. `others` are checked out next to it, each at its branch.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        repository: ConnectedRepository,
        others: Mapping[str, ConnectedRepository],
        builds: Sequence[PullRequestBuild],
        allowed_actors: Sequence[str],
        place: BuildPlace,
    ) -> None:
        super().__init__(scope, construct_id)
        description = f"Pull requests of {repository.repository}: fetch, hand over, report"
        identifiers = {other: _identifier(number) for number, other in enumerate(others)}
        role = build_role(self, description)
        policy = RolePolicy(
            self,
            "Policy",
            role=role,
            description=description,
            statements=[
                *_connection_statements([repository, *others.values()]),
                *_hand_over(builds, place),
                *shared_statements(self, place),
            ],
        )
        self.project = codebuild.CfnProject(
            self,
            "Project",
            description=description,
            service_role=role.role_arn,
            source=_source(repository, buildspec=_buildspec(name, identifiers)),
            triggers=_triggers(repository, allowed_actors),
            environment=_environment("" if name == "app" else name, builds, place),
            timeout_in_minutes=place.timeout_minutes + WAITING_MINUTES,
            queued_timeout_in_minutes=WAITING_MINUTES,
            concurrent_build_limit=DOOR_LIMIT,
            **_secondary_sources(others, identifiers),
            **shared_settings(place),
        )
        self.node.default_child = self.project
        self.project.node.add_dependency(*policy.resources)
        acknowledge(self.project, {"NIST.800.53.R5-CodeBuildProjectSourceRepoUrl": CONNECTED})


def _environment(
    model: str, builds: Sequence[PullRequestBuild], place: BuildPlace
) -> codebuild.CfnProject.EnvironmentProperty:
    """Return the container; `model` is the directory of a model repository, empty for the app's."""
    variables = {
        "HANDOVER": place.handover.bucket_name,
        "HANDOVER_PREFIX": HANDOVER_PREFIX,
        "BUILDS": cdk.Fn.join(" ", [build.project.ref for build in builds]),
        "MODEL": model,
    }
    return environment(variables, compute_type="BUILD_GENERAL1_SMALL")


def _secondary_sources(
    others: Mapping[str, ConnectedRepository], identifiers: Mapping[str, str]
) -> dict[str, Any]:
    """Return the repositories that are fetched too, each at its branch."""
    if not others:
        return {}
    return {
        "secondary_sources": [
            _source(other, identifier=identifiers[directory]) for directory, other in others.items()
        ],
        "secondary_source_versions": [
            codebuild.CfnProject.ProjectSourceVersionProperty(
                source_identifier=identifiers[directory],
                source_version=f"refs/heads/{other.branch}",
            )
            for directory, other in others.items()
        ],
    }


def _identifier(number: int) -> str:
    """Return a source's identifier; unlike a model's directory, it may not contain a hyphen."""
    return f"source_{number}"


def _source(
    repository: ConnectedRepository, *, buildspec: str | None = None, identifier: str | None = None
) -> codebuild.CfnProject.SourceProperty:
    primary = buildspec is not None
    return codebuild.CfnProject.SourceProperty(
        type=PROVIDERS[repository.provider].source_type,
        location=repository.location,
        auth=codebuild.CfnProject.SourceAuthProperty(
            type="CODECONNECTIONS", resource=repository.connection_arn
        ),
        git_clone_depth=1,
        git_submodules_config=codebuild.CfnProject.GitSubmodulesConfigProperty(
            fetch_submodules=False
        ),
        build_spec=buildspec,
        source_identifier=identifier,
        report_build_status=True if primary else None,
        build_status_config=codebuild.CfnProject.BuildStatusConfigProperty(context=STATUS_CONTEXT)
        if primary
        else None,
    )


def _triggers(
    repository: ConnectedRepository, allowed_actors: Sequence[str]
) -> codebuild.CfnProject.ProjectTriggersProperty:
    """Return the webhook: pull requests into the branch, by these accounts and nobody else.

    Every pattern is anchored: CodeBuild searches, and an id that contains another would pass.
    """
    provider = PROVIDERS[repository.provider]
    actors = "|".join(re.escape(actor) for actor in allowed_actors)
    filters = {
        "EVENT": ", ".join(provider.events),
        "ACTOR_ACCOUNT_ID": f"^({actors})$",
        "BASE_REF": f"^refs/heads/{re.escape(repository.branch)}$",
    }
    return codebuild.CfnProject.ProjectTriggersProperty(
        webhook=True,
        build_type="BUILD",
        filter_groups=[
            [
                codebuild.CfnProject.WebhookFilterProperty(type=kind, pattern=pattern)
                for kind, pattern in filters.items()
            ]
        ],
        pull_request_build_policy=codebuild.CfnProject.PullRequestBuildPolicyProperty(
            requires_comment_approval="FORK_PULL_REQUESTS",
            approver_roles=list(provider.approvers),
        ),
    )


def _connection_statements(repositories: Sequence[ConnectedRepository]) -> list[Statement]:
    """Return the use of connections; an older one has the older service prefix in its ARN."""
    by_service: dict[str, set[str]] = {}
    for repository in repositories:
        arn = repository.connection_arn
        by_service.setdefault(arn.split(":")[2], set()).add(arn)
    return [
        Statement(
            "Use" + "".join(word.capitalize() for word in service.split("-")),
            [f"{service}:{action}" for action in CONNECTION_ACTIONS],
            sorted(arns),
        )
        for service, arns in sorted(by_service.items())
    ]


def _hand_over(builds: Sequence[PullRequestBuild], place: BuildPlace) -> Iterator[Statement]:
    yield Statement(
        "HandOver",
        ["s3:PutObject", "s3:AbortMultipartUpload"],
        [place.handover.arn_for_objects(f"{HANDOVER_PREFIX}/*")],
        wildcard="A key is the random id of this build.",
    )
    yield Statement(
        "StartChecks",
        ["codebuild:StartBuild", "codebuild:BatchGetBuilds"],
        [build.project.attr_arn for build in builds],
    )


def _buildspec(name: str, identifiers: Mapping[str, str]) -> str:
    sources = {name: "CODEBUILD_SRC_DIR"}
    sources |= {other: f"CODEBUILD_SRC_DIR_{place}" for other, place in identifiers.items()}
    packs = "\n".join(
        f'pack {"app" if source == "app" else shlex.quote(f"models/{source}")} "${variable}"'
        for source, variable in sources.items()
    )
    spec = codebuild.BuildSpec.from_object_to_yaml(
        {
            "version": "0.2",
            "env": {"shell": "bash"},
            "phases": {"build": {"commands": [PREPARE + packs + HAND_OVER_AND_WAIT]}},
        }
    )
    return spec.to_build_spec()


PREPARE = """\
set -euo pipefail
change="${CODEBUILD_BUILD_ID##*:}"
place="$(mktemp -d)"
mkdir -p "$place/change/models"
pack() { tar -C "$2" --exclude=./.git -czf "$place/change/$1.tgz" .; }
"""

HAND_OVER_AND_WAIT = """
tar -C "$place/change" -cf "$place/change.tar" .
aws s3 cp --quiet "$place/change.tar" "s3://$HANDOVER/$HANDOVER_PREFIX/$change.tar"
start() {
  for attempt in $(seq 60); do
    aws codebuild start-build --project-name "$1" --query build.id --output text \\
      --environment-variables-override "name=CHANGE,value=$change" "name=MODEL,value=$MODEL" && return
    echo "no build of $1 is free, attempt $attempt of 60" >&2
    sleep 30
  done
  return 1
}
look() { aws codebuild batch-get-builds --ids "$1" --query "builds[0].$2" --output text; }
started=()
for build in $BUILDS; do started+=("$(start "$build")"); done
failed=0
for id in "${started[@]}"; do
  while status="$(look "$id" buildStatus)" && test "$status" = IN_PROGRESS; do sleep 15; done
  echo "$id: $status: $(look "$id" logs.deepLink)"
  test "$status" = SUCCEEDED || failed=1
done
exit "$failed"
"""
