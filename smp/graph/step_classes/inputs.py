"""Checks of what a job reads: how many inputs, their names, and files that become one manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from smp.config.values.channels import Channel
from smp.definition.expressions import BEGIN, items_in
from smp.graph.findings import DeclaredStep, Findings

MAX_PROCESSING_INPUTS = 10
MAX_TRAINING_CHANNELS = 20
MAX_CHANNEL_NAME = 64
MANIFEST_FROM = 7
"""From this many static inputs on, one manifest takes their place."""
MANIFEST_INPUT = "train"
CODE_INPUT = "code"
SPARK_INPUT = "conf"
SPARK_INPUTS = {"py_files": "py-files", "jars": "jars", "files": "files"}
"""The names that SageMaker's Spark images know the inputs by: of properties, and of files by their key."""
TRAINING_CODE_CHANNELS = ("code", "sm_drivers")


def check_names(
    findings: Findings, step: DeclaredStep, names: list[str], limit: int, what: str
) -> None:
    """Report inputs or channels of the same name, with too long a name, or too many of them."""
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


def check_manifest(
    findings: Findings, step: DeclaredStep, channels: Iterable[Channel], what: str
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
        if BEGIN in uri or items_in(uri):
            findings.report_step(
                step.config,
                f"{what} become one manifest, which is written when the pipeline is built, so no "
                "parameter and no item is allowed there",
                found=uri,
            )
        if uri.endswith("/"):
            findings.report_step(
                step.config,
                f"{what} become one manifest, which names objects, not prefixes",
                found=uri,
            )
