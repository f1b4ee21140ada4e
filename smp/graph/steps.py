"""What each step class asks of its model and of the steps around it.

It never resolves chains; it checks what came of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypedDict

from smp.config.jobs import Channel, TrainSection
from smp.graph.chains import Declared
from smp.graph.entry_points import entry_point_problems
from smp.graph.findings import Findings
from smp.graph.nodes import CACHEABLE_CLASSES, ChainedInput

MAX_PROCESSING_INPUTS = 10
MAX_TRAINING_CHANNELS = 20
MANIFEST_FROM = 7
"""From this many static inputs on, one manifest takes their place."""
MANIFEST_INPUT = "train"
CODE_INPUT = "code"
TRAINING_CODE_CHANNELS = ("code", "sm_drivers")
MAX_CHANNEL_NAME = 64


class Implied(TypedDict, total=False):
    """The steps that a class finds by itself; keys are attributes of StepNode."""

    training: str | None
    create_model: str | None
    metrics: str | None


def check_step(findings: Findings, step: Declared, chained: tuple[ChainedInput, ...]) -> Implied:
    """Report what is wrong with a step and return the steps that it relies on by its class."""
    _check_keys(findings, step)
    findings.problems += entry_point_problems(step.config.step_class, step.model)
    match step.config.step_class:
        case "Processing":
            _check_processing(findings, step, chained)
        case "Training":
            _check_training(findings, step, chained)
        case "CreateModel":
            return {"training": _need_training(findings, step)}
        case "Transform":
            return _check_transform(findings, step)
        case "Metrics":
            _check_metrics(findings, step, chained)
        case "RegisterModel":
            return _check_register(findings, step)
    return {}


def training_channel(chain: ChainedInput, section: TrainSection) -> str:
    """Return the channel of a chained input.

    A script's start file exports it as a variable, so it has no `-`. An image's own algorithm looks for
    names of its own, such as `train`: there it is the name of the output alone.
    """
    if section.entry_point is None:
        return chain.channel
    return f"{chain.source}-{chain.channel}".replace("-", "_").replace(".", "_")


def _check_keys(findings: Findings, step: Declared) -> None:
    config = step.config
    if config.enable_cache and config.step_class not in CACHEABLE_CLASSES:
        findings.report_step(
            config,
            f"a {config.step_class} step cannot be cached by the service",
            "enable_cache",
            hint="remove enable_cache",
        )
    if config.chain_input_source_step and config.step_class in ("CreateModel", "RegisterModel"):
        findings.report_step(
            config,
            f"a {config.step_class} step reads no other step's output",
            "chain_input_source_step",
            hint="it finds its Training step by itself; for order alone use dependencies",
        )
    if config.chain_input_additional_prefix and not (
        config.step_class == "Transform" and config.chain_input_source_step
    ):
        findings.report_step(
            config,
            "only a Transform step with a chained input takes it",
            "chain_input_additional_prefix",
        )


def _check_names(
    findings: Findings, step: Declared, names: list[str], limit: int, what: str
) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            findings.report_step(step.config, f"{count} {what}s have the name '{name}'")
        if len(name) > MAX_CHANNEL_NAME:
            findings.report_step(
                step.config,
                f"the {what} '{name}' has {len(name)} characters",
                allowed=f"{MAX_CHANNEL_NAME} characters: shorten the step or the channel",
            )
    if len(names) > limit:
        findings.report_step(
            step.config, f"it has {len(names)} {what}s with its code", allowed=str(limit)
        )


def _check_processing(
    findings: Findings, step: Declared, chained: tuple[ChainedInput, ...]
) -> None:
    section = step.model.config.preprocess
    if section is None:
        return
    files = [
        str(file.source_name)
        for channel in section.channels.values()
        for file in channel.data_files
    ]
    static = files if len(files) < MANIFEST_FROM else [MANIFEST_INPUT]
    if len(files) >= MANIFEST_FROM:
        _check_manifest(findings, step, section.channels.values(), "its static inputs")
        if section.s3_data_type == "ManifestFile":
            findings.report_step(
                step.config,
                f"its {len(files)} static inputs are manifests themselves and cannot be joined",
                allowed=f"fewer than {MANIFEST_FROM} inputs with s3_data_type: ManifestFile",
            )
    names = [*static, *(f"{chain.source}-input-{chain.channel}" for chain in chained), CODE_INPUT]
    _check_names(findings, step, names, MAX_PROCESSING_INPUTS, "input")
    if len(section.channels) > MAX_PROCESSING_INPUTS:
        findings.report_step(
            step.config,
            f"it has {len(section.channels)} outputs, one a channel",
            allowed=str(MAX_PROCESSING_INPUTS),
        )


def _check_manifest(
    findings: Findings, step: Declared, channels: Iterable[Channel], what: str
) -> None:
    """Several files in one input become a manifest: objects of one bucket, no prefixes."""
    uris = [channel.uri_of(file) for channel in channels for file in channel.data_files]
    buckets = sorted({uri.split("/")[2] for uri in uris})
    if len(buckets) > 1:
        findings.report_step(
            step.config,
            f"{what} become one manifest, which can name one bucket only",
            found=", ".join(buckets),
        )
    for uri in uris:
        if uri.endswith("/"):
            findings.report_step(
                step.config,
                f"{what} become one manifest, which names objects, not prefixes",
                found=uri,
            )


def _check_training(findings: Findings, step: Declared, chained: tuple[ChainedInput, ...]) -> None:
    section = step.model.config.train
    if section is None:
        return
    static = {name: channel for name, channel in section.channels.items() if channel.data_files}
    names = [*static, *(training_channel(chain, section) for chain in chained)]
    if section.entry_point is not None:
        names += TRAINING_CODE_CHANNELS
    if section.model_data_uri:
        names.append("model")
    for name, channel in static.items():
        if len(channel.data_files) > 1:
            _check_manifest(findings, step, [channel], f"the files of channel '{name}'")
    _check_names(findings, step, names, MAX_TRAINING_CHANNELS, "channel")


def _need_training(findings: Findings, step: Declared) -> str | None:
    training = findings.last_before(step.config, step.model, "Training")
    if training is None:
        findings.report_step(
            step.config,
            f"a {step.config.step_class} step needs a Training step of model '{step.model.name}' "
            "in this pipeline",
        )
    registry, transform = step.model.config.registry, step.model.config.transform
    has_script = transform is not None and transform.entry_point is not None
    if registry is not None and registry.model_repack and not has_script:
        findings.report_step(
            step.config,
            f"packing a model needs its inference script: "
            f"conf.models.{step.model.name}.transform.entry_point",
            hint='or set registry.ModelRepack: "False" where the artefact serves as it is',
        )
    return training


def _check_transform(findings: Findings, step: Declared) -> Implied:
    section = step.model.config.transform
    create_model = findings.last_before(step.config, step.model, "CreateModel")
    if create_model is None:
        findings.report_step(
            step.config,
            f"a Transform step needs a CreateModel step of model '{step.model.name}' in this pipeline",
        )
    if section is not None:
        files = [file for channel in section.channels.values() for file in channel.data_files]
        sources = len(step.config.chain_input_source_step)
        if sources + len(files) != 1:
            findings.report_step(
                step.config,
                f"a Transform step takes one input; it has {len(files)} data files and "
                f"{sources} chained steps",
                allowed="one data file in its channel, or one step in chain_input_source_step",
            )
    return {"create_model": create_model}


def _check_metrics(findings: Findings, step: Declared, chained: tuple[ChainedInput, ...]) -> None:
    section = step.model.config.evaluate
    if not findings.steps_of(step.model, "Transform"):
        findings.report_step(
            step.config,
            f"a Metrics step needs a Transform step of model '{step.model.name}' in this pipeline",
        )
    if section is None:
        return
    files = [
        str(file.source_name)
        for channel in section.channels.values()
        for file in channel.data_files
    ]
    names = [*files, *(f"{chain.source}-input" for chain in chained), CODE_INPUT]
    _check_names(findings, step, names, MAX_PROCESSING_INPUTS, "input")


def _check_register(findings: Findings, step: Declared) -> Implied:
    return {
        "training": _need_training(findings, step),
        "create_model": _packed_by(findings, step),
        "metrics": findings.last_before(step.config, step.model, "Metrics"),
    }


def _packed_by(findings: Findings, step: Declared) -> str | None:
    """Return the CreateModel step that packs the very artefact which a RegisterModel step registers."""
    registry = step.model.config.registry
    name = findings.last_before(step.config, step.model, "CreateModel")
    if registry is None or not registry.model_repack or name is None:
        return None
    packed = findings.last_before(findings.config_of(name), step.model, "Training")
    own = findings.last_before(step.config, step.model, "Training")
    return name if packed == own else None
