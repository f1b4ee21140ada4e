"""Renders Training steps, and the Training step that packs inference code into a model."""

from __future__ import annotations

from typing import Any

from sagemaker.core.shapes import Channel, DataSource, S3DataSource, Tag
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import (
    CheckpointConfig,
    Compute,
    MetricDefinition,
    Networking,
    OutputDataConfig,
    SourceCode,
    StoppingCondition,
)
from sagemaker.train.distributed import MPI, Torchrun

from smp.compiler.sdk.constants import to_constants
from smp.compiler.sdk.launch import command_in_place
from smp.compiler.steps.context import StepContext, sdk_view
from smp.compiler.steps.images import section_image, sklearn_image
from smp.compiler.steps.manifest import add_manifest
from smp.config.sections.train import TrainSection
from smp.definition.compiled import CodeTree, Json
from smp.definition.hyperparameters import algorithm_text, script_text
from smp.graph.channels import training_channel
from smp.graph.nodes import StepNode

MODEL_CHANNEL = "model"
REPACK_INSTANCE_TYPE = "ml.m5.large"
REPACK = {
    "instance_type": REPACK_INSTANCE_TYPE,
    "instance_count": 1,
    "output_path": None,
    "base_job_name": None,
    "use_spot": False,
    "max_wait_seconds": None,
    "keep_alive_seconds": None,
    "checkpoint_s3_uri": None,
}
"""What the job that packs a model does not take over from the one that trains it."""
REPACK_SKLEARN_VERSION = "1.2-1"
MODEL_CONTENT_TYPE = "application/x-sagemaker-model"
"""Of a channel with a model's artifact (API reference: incremental training)."""
REPACK_COMMAND = (
    "mkdir -p /opt/ml/model && tar -xzf /opt/ml/input/data/model/model.tar.gz -C /opt/ml/model"
    " && rm -rf /opt/ml/model/code && cp -R /opt/ml/input/data/code /opt/ml/model/code"
)


def render_training(context: StepContext, node: StepNode) -> list[Any]:
    """Render a Training step: a script, or without an entry point what the image brings."""
    written = node.model.config.train
    assert written is not None
    section = sdk_view(written)
    script = section.entry_point
    trainer = job_trainer(
        context,
        node,
        section,
        source_code=script and _source_code(context, context.code_tree(node), entry_script=script),
        hyperparameters=_hyperparameters(context, written),
        distributed=_launcher(section),
    )
    channels = data_channels(context, node, section, written)
    return [
        (_ScriptTrainingStep if script else TrainingStep)(
            name=node.emitted[0],
            step_args=trainer.train(input_data_config=channels, wait=False, logs=False),
            cache_config=context.cache_config(node),
            depends_on=context.waits_for(node) or None,
        )
    ]


class _ScriptTrainingStep(TrainingStep):  # type: ignore[misc]
    """A Training step whose start script takes the place of the shell that calls it."""

    @property
    def arguments(self) -> Json:
        """The request, with the command that lets signals through."""
        request: Json = dict(super().arguments)
        algorithm = dict(request["AlgorithmSpecification"])
        algorithm["ContainerArguments"] = command_in_place(algorithm["ContainerArguments"])
        return {**request, "AlgorithmSpecification": algorithm}


def _hyperparameters(context: StepContext, written: TrainSection) -> dict[str, str]:
    """Return the hyperparameters of a Training step as its request has them."""
    values = written.hyperparameters.items()
    if written.entry_point is None:
        return {name: to_constants(algorithm_text(value)) for name, value in values}
    numbers = context.numbers
    return {name: to_constants(script_text(value, numbers)) for name, value in values}


def job_trainer(
    context: StepContext, node: StepNode, section: TrainSection, **options: Any
) -> ModelTrainer:
    """Return the SDK's trainer for the job that a `train` section describes."""
    trainer = _trainer(
        context,
        node.emitted[0],
        section,
        training_image=section_image(context, section),
        environment=dict(section.env),
        tags=[Tag(key=tag.key, value=tag.value) for tag in section.tags] or None,
        training_input_mode=section.input_mode,
        **options,
    )
    if section.metric_definitions:
        trainer.with_metric_definitions(
            [MetricDefinition(name=m.name, regex=m.regex) for m in section.metric_definitions]
        )
    return trainer


def _launcher(section: TrainSection) -> Torchrun | MPI | None:
    written = section.distributed
    if written is None:
        return None
    if written.type == "torchrun":
        return Torchrun(process_count_per_node=written.processes_per_node)
    options = list(written.mpi_options) or None
    return MPI(process_count_per_node=written.processes_per_node, mpi_additional_options=options)


def render_repack(context: StepContext, node: StepNode, artifact: Any) -> TrainingStep:
    """Render the step that puts the model's source directory into its artifact as `code/`."""
    written = node.model.config.train
    assert written is not None
    section = sdk_view(written).model_copy(update=REPACK)
    tree = context.code_tree(node)
    trainer = _trainer(
        context,
        node.emitted[0],
        section,
        source_code=_source_code(context, tree, command=REPACK_COMMAND, requirements=None),
        training_image=sklearn_image(context, REPACK_SKLEARN_VERSION),
    )
    channel = whole_channel(MODEL_CHANNEL, artifact)
    return TrainingStep(
        name=node.emitted[0],
        description="Packs the inference code into the model's artefact",
        step_args=trainer.train(input_data_config=[channel], wait=False, logs=False),
        depends_on=context.waits_for(node) or None,
    )


def _source_code(context: StepContext, tree: CodeTree, **options: Any) -> SourceCode:
    context.session.add_tree(tree)
    if any(file.path == "requirements.txt" for file in tree.files):
        options.setdefault("requirements", "requirements.txt")
    return SourceCode(source_dir=str(context.store.path_of(tree)), ignore_patterns=None, **options)


def _trainer(
    context: StepContext, name: str, section: TrainSection, **options: Any
) -> ModelTrainer:
    output = f"s3://{context.bucket}/models/{context.graph.name}/{section.base_job_name or name}"
    return ModelTrainer(
        sagemaker_session=context.session,
        role=context.role,
        base_job_name=section.base_job_name or name,
        compute=Compute(
            instance_type=section.instance_type,
            instance_count=section.instance_count,
            volume_size_in_gb=section.volume_size_in_gb,
            volume_kms_key_id=context.volume_key(section.instance_type),
            keep_alive_period_in_seconds=section.keep_alive_seconds,
            enable_managed_spot_training=section.use_spot or None,
        ),
        networking=Networking(
            subnets=context.subnets,
            security_group_ids=context.security_groups,
            enable_network_isolation=section.network_isolation or None,
            enable_inter_container_traffic_encryption=True,
        ),
        stopping_condition=StoppingCondition(
            max_runtime_in_seconds=section.max_runtime_seconds,
            max_wait_time_in_seconds=section.max_wait_seconds,
        ),
        checkpoint_config=_checkpoints(section),
        output_data_config=OutputDataConfig(
            s3_output_path=section.output_path or output, kms_key_id=context.kms_key
        ),
        **options,
    )


def _checkpoints(section: TrainSection) -> CheckpointConfig | None:
    if section.checkpoint_s3_uri is None:
        return None
    place = section.checkpoint_s3_uri
    return CheckpointConfig(s3_uri=place, local_path=section.checkpoint_local_path)


def data_channels(
    context: StepContext, node: StepNode, section: TrainSection, written: TrainSection
) -> list[Channel]:
    """Return the channels of a job's data: its own, those of chained steps, the model it begins with."""
    channels = _static_channels(context, node, section, written)
    channels += [
        job_channel(training_channel(chain, section), context.uri_of(node, chain), section)
        for chain in node.chained
    ]
    if section.model_data_uri:
        channels.append(whole_channel(MODEL_CHANNEL, section.model_data_uri, MODEL_CONTENT_TYPE))
    return channels


def _static_channels(
    context: StepContext, node: StepNode, section: TrainSection, written: TrainSection
) -> list[Channel]:
    channels = []
    for name, channel in section.channels.items():
        if len(channel.data_files) == 1:
            channels.append(job_channel(name, channel.uri_of(channel.data_files[0]), section))
        elif channel.data_files:
            source = written.channels[name]
            uris = [source.uri_of(file) for file in source.data_files]
            manifest = add_manifest(context, uris, f"channel {name} of {node.name}")
            channels.append(job_channel(name, manifest, section, "ManifestFile"))
    return channels


def whole_channel(name: str, uri: Any, content_type: str | None = None) -> Channel:
    """Return a channel of what is no data: each instance gets all of it, as files."""
    optional = {"content_type": content_type} if content_type else {}
    return Channel(
        channel_name=name,
        data_source=DataSource(
            s3_data_source=S3DataSource(
                s3_data_type="S3Prefix",
                s3_uri=uri,
                s3_data_distribution_type="FullyReplicated",
            )
        ),
        input_mode="File",
        **optional,
    )


def job_channel(name: str, uri: Any, section: TrainSection, data_type: str = "S3Prefix") -> Channel:
    """Return one channel of a training job, with settings of its own or those of the section."""
    if name in section.channels:
        section = section.model_copy(update=section.channels[name].settings)
    optional = {"content_type": section.content_type} if section.content_type else {}
    return Channel(
        channel_name=name,
        data_source=DataSource(
            s3_data_source=S3DataSource(
                s3_data_type=data_type,
                s3_uri=uri,
                s3_data_distribution_type=section.distribution,
            )
        ),
        input_mode=section.input_mode,
        **optional,
    )
