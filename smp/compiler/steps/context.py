"""What every renderer needs: the session, the places in S3, the network, and the steps made so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.for_each_step import _ForEachPropertyReference
from sagemaker.mlops.workflow.step_dependency import StepDependency, TriggerCondition
from sagemaker.mlops.workflow.steps import CacheConfig

from smp.compiler.code_trees import code_tree
from smp.compiler.expressions import number_of
from smp.compiler.sdk.constants import to_constants
from smp.compiler.sdk.offline_session import OfflineSession
from smp.config.project import NetworkSecurity
from smp.config.steps.base import Cached
from smp.config.values.base import ConfigModel, Tag
from smp.config.values.instance_storage import has_local_storage
from smp.definition import deploy_values
from smp.definition.code.store import CodeStore
from smp.definition.compiled import EXECUTIONS_PREFIX, CodeTree
from smp.definition.expressions import Reference
from smp.graph.nodes import MODEL_OUTPUT, PREDICTIONS_OUTPUT, ChainedInput, PipelineGraph, StepNode
from smp.graph.storage import known_types

Section = TypeVar("Section", bound=ConfigModel)


def sdk_view(section: Section) -> Section:
    """Return a section with the constants that the SDK sees in place of deploy-time names and numbers."""
    written = {name: _map_texts(getattr(section, name)) for name in section.model_fields_set}
    return section.model_copy(update=written)


def _map_texts(value: Any) -> Any:
    if isinstance(value, str):
        return to_constants(value)
    if isinstance(value, Reference):
        return number_of(value)
    if isinstance(value, ConfigModel):
        return sdk_view(value)
    if isinstance(value, dict):
        return {key: _map_texts(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_map_texts(item) for item in value)
    return value


@dataclass
class StepContext:
    """The state of one compilation. `made` holds the SDK steps of each configured step, in order."""

    graph: PipelineGraph
    session: OfflineSession
    made: dict[str, list[Any]] = field(default_factory=dict)
    images: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def store(self) -> CodeStore:
        return self.session.store

    @property
    def network(self) -> NetworkSecurity:
        return self.graph.pipeline.network

    @property
    def role(self) -> str:
        return to_constants(self.network.role) if self.network.role else self.session.role

    @property
    def kms_key(self) -> str:
        return to_constants(self.network.kms_key) if self.network.kms_key else self.session.kms_key

    @property
    def subnets(self) -> list[str]:
        return [to_constants(name) for name in self.network.subnets] or self.session.subnets

    @property
    def security_groups(self) -> list[str]:
        names = [to_constants(name) for name in self.network.security_groups_id]
        return names or self.session.security_group_ids

    @property
    def bucket(self) -> str:
        """The bucket for everything without its own bucket."""
        return to_constants(self.graph.pipeline.s3_bucket or deploy_values.BUCKET)

    @property
    def numbers(self) -> frozenset[str]:
        """The names of the pipeline's parameters that are no texts."""
        declared = self.graph.pipeline.config.parameters
        return frozenset(item.name for item in declared if item.type != "String")

    def volume_key(self, instance_type: str) -> str | None:
        """Return the key for a job's volume, or None where the service takes none.

        Instances with local NVMe storage encrypt it themselves, and the service refuses a
        VolumeKmsKeyId for them (API reference of ProcessingClusterConfig and ResourceConfig). A parameter
        that allows one of them leaves the key out: a request cannot depend on it (`smp.graph.storage`).
        """
        declared = {item.name: item for item in self.graph.pipeline.config.parameters}
        any_local = any(map(has_local_storage, known_types(instance_type, declared)))
        return None if any_local else self.kms_key

    def cache_config(self, node: StepNode) -> CacheConfig | None:
        """Return the cache setting of a step that asks for it."""
        config = node.config
        if not isinstance(config, Cached) or not config.enable_cache:
            return None
        return CacheConfig(enable_caching=True, expire_after=config.cache_expire_after)

    def execution_uri(self, node: StepNode, output: str, base: str | None = None) -> Join:
        """Return `s3://<bucket>/executions/<pipeline>/<execution id>/<step>/output/<output>`."""
        execution = ExecutionVariables.PIPELINE_EXECUTION_ID
        parts = [base or f"s3://{self.bucket}/{EXECUTIONS_PREFIX}", self.graph.name, execution]
        apart = [self.iteration_of(node)] if node.loop else []
        return Join(on="/", values=[*parts, node.name, *apart, "output", output])

    def per_execution(self, prefix: str, node: StepNode) -> Join:
        """Return a prefix with the execution's id below it, so that executions never share files.

        A step in a loop has one more level, so that its iterations do not either.
        """
        apart = [self.iteration_of(node)] if node.loop else []
        execution = ExecutionVariables.PIPELINE_EXECUTION_ID
        return Join(on="/", values=[prefix.rstrip("/"), execution, *apart])

    def iteration_of(self, node: StepNode) -> Any:
        """Return what no two iterations of a step have in common.

        The service has no number of the iteration to write: it is the name of the job, or for a batch
        transform, which has no such variable, of the model that the iteration made.
        """
        if node.step_class == "Transform":
            assert node.create_model is not None
            return self.made[node.create_model][-1].properties.ModelName
        return ExecutionVariables.PROCESSING_JOB_NAME

    def waits_for(self, node: StepNode) -> list[str | StepDependency]:
        """Return what the first step of a node depends on explicitly: emitted names, and failures."""
        done = [self.graph.node(name).emitted[-1] for name in node.after]
        failed = [self.graph.node(name).emitted[-1] for name in node.after_failed]
        return [*done, *(StepDependency(name, TriggerCondition.FAILED) for name in failed)]

    def properties(self, node: StepNode, source: str) -> Any:
        """Return the results of another step; of a step in a loop those of the iteration selected."""
        if source in node.selected:
            return selected_properties(str(self.graph.node(source).loop))
        return self.made[source][-1].properties

    def uri_of(self, node: StepNode, chain: ChainedInput) -> Any:
        """Return the expression for what a chained input of a step reads."""
        if chain.output == MODEL_OUTPUT:
            return self.artifact_of(node, chain.source)
        properties = self.properties(node, chain.source)
        if chain.output == PREDICTIONS_OUTPUT:
            return properties.TransformOutput.S3OutputPath
        return properties.ProcessingOutputConfig.Outputs[chain.output].S3Output.S3Uri

    def artifact_of(self, node: StepNode, name: str) -> Any:
        """Return the expression for the artifact that a Training or Tuning step makes, for another step."""
        if self.graph.node(name).step_class == "Tuning":
            step = self.made[name][-1]
            return Join(on="/", values=[step.output_path, *step.best_model])
        return self.properties(node, name).ModelArtifacts.S3ModelArtifacts

    def code_tree(self, node: StepNode) -> CodeTree:
        """Pack the model's source directory."""
        return code_tree(node.model, self.store)


def selected_properties(loop: str) -> Any:
    """Return the results of the iteration that a loop's selector picks, of the step that it compares."""
    return _ForEachPropertyReference(f"Steps.{loop}.Selected")


def sdk_tags(tags: Iterable[Tag]) -> list[dict[str, str]] | None:
    """Return tags in the service's spelling, None where there are none."""
    return [{"Key": tag.key, "Value": tag.value} for tag in tags] or None
