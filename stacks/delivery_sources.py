"""The source repositories of a delivery, and what starts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import pipelines
from constructs import Construct

from stacks.delivery_settings import (
    CodeCommitSource,
    ConnectionSource,
    DeliverySettings,
    S3Source,
)

APP = "App"
"""The source action of the app's own repository; those of models have their directories' names."""

MAX_CHARACTERS = 850
"""Of the variables of a build, which are one value of an action's configuration: 1,000 characters
(ActionConfigurationValue in the API), with what is around the text."""

VARIABLE = "#{Source@.VersionId}"
"""Variable for a commit; the library inserts the repository's name or 42 characters before the dot."""

Settings = ConnectionSource | CodeCommitSource | S3Source


@dataclass(frozen=True)
class DeliverySources:
    """The sources by the name of their action, the app's first."""

    settings: Mapping[str, Settings]
    actions: Mapping[str, pipelines.CodePipelineSource]

    @property
    def app(self) -> pipelines.CodePipelineSource:
        return self.actions[APP]

    @property
    def models(self) -> Mapping[str, pipelines.CodePipelineSource]:
        return {name: source for name, source in self.actions.items() if name != APP}

    @property
    def connection_arns(self) -> list[str]:
        """What the pipeline needs to reach them."""
        sources = self.settings.values()
        return [each.connection_arn for each in sources if isinstance(each, ConnectionSource)]

    @property
    def revisions(self) -> str:
        """What is delivered: the app's commit, those of models as far as there is room, and the run.

        The page of the run has them all.
        """
        run = f", delivery run {codepipeline.GlobalVariables.EXECUTION_ID}"
        text, room = self._revision(APP), MAX_CHARACTERS - self._characters(APP) - len(run)
        names = list(self.models)
        for index, name in enumerate(names):
            room -= len(f", {name} ") + self._characters(name)
            if room < 0:
                return f"{text} and {len(names) - index} more{run}"
            text = f"{text}, {name} {self._revision(name)}"
        return f"{text}{run}"

    def _characters(self, name: str) -> int:
        source = self.settings[name]
        named = 42 if isinstance(source, S3Source) else max(len(source.repository), 42)
        return len(VARIABLE) + named

    def _revision(self, name: str) -> str:
        attribute = "VersionId" if isinstance(self.settings[name], S3Source) else "CommitId"
        return self.actions[name].source_attribute(attribute)


def make_sources(scope: Construct, delivery: DeliverySettings) -> DeliverySources:
    """Return a source for the app and for each model repository."""
    settings: dict[str, Settings] = {APP: delivery.repository, **delivery.models}
    made = {name: _source(scope, name, source) for name, source in settings.items()}
    return DeliverySources(settings, made)


def _source(scope: Construct, name: str, source: Settings) -> pipelines.CodePipelineSource:
    if isinstance(source, ConnectionSource):
        return pipelines.CodePipelineSource.connection(
            source.repository,
            source.branch,
            connection_arn=source.connection_arn,
            action_name=name,
            trigger_on_push=False,
        )
    if isinstance(source, CodeCommitSource):
        repository = codecommit.Repository.from_repository_name(
            scope, f"Source{name}", source.repository
        )
        return pipelines.CodePipelineSource.code_commit(
            repository, source.branch, action_name=name, trigger=actions.CodeCommitTrigger.EVENTS
        )
    bucket = s3.Bucket.from_bucket_name(scope, f"Source{name}", source.bucket)
    return pipelines.CodePipelineSource.s3(
        bucket, source.key, action_name=name, trigger=actions.S3Trigger.NONE
    )


def start_on_push(
    scope: Construct, pipeline: codepipeline.Pipeline, sources: DeliverySources
) -> None:
    """Let a push to any of the repositories start the pipeline.

    Each connection has its own trigger: once a pipeline has one, CodePipeline looks at nothing
    but triggers. CodeCommit's rule is made with the source.
    """
    made = {action.action_properties.action_name: action for action in _source_actions(pipeline)}
    for name, source in sources.settings.items():
        if isinstance(source, ConnectionSource):
            pipeline.add_trigger(
                provider_type=codepipeline.ProviderType.CODE_STAR_SOURCE_CONNECTION,
                git_configuration=codepipeline.GitConfiguration(
                    source_action=made[name],
                    push_filter=[
                        codepipeline.GitPushFilter(
                            branches_includes=[source.branch],
                            file_paths_includes=list(source.paths) or None,
                        )
                    ],
                ),
            )
        elif isinstance(source, S3Source):
            _start_on_upload(scope, pipeline, name, source)


def _source_actions(pipeline: codepipeline.Pipeline) -> Iterator[codepipeline.IAction]:
    (stage,) = (stage for stage in pipeline.stages if stage.stage_name == "Source")
    yield from stage.actions


def _start_on_upload(
    scope: Construct, pipeline: codepipeline.Pipeline, name: str, source: S3Source
) -> None:
    events.Rule(
        scope,
        f"Upload{name}",
        description=f"Starts the delivery when {source.key} is uploaded",
        event_pattern=events.EventPattern(
            source=["aws.s3"],
            detail_type=["Object Created"],
            detail={"bucket": {"name": [source.bucket]}, "object": {"key": [source.key]}},
        ),
        targets=[targets.CodePipeline(pipeline)],
    )
