"""EMRServerless: the files that its job is made of, and the values that it is called with."""

from __future__ import annotations

from collections.abc import Iterator

from smp.config.steps.emr_serverless import EMRServerlessStep
from smp.config.values.condition import Reference
from smp.config.values.message import message_parts
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, StepClass
from smp.graph.step_classes.references import check_references

Place = tuple[str | int, ...]


def _check(findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    assert isinstance(step.config, EMRServerlessStep)
    steps: list[str] = []
    for place, text in _said(step.config):
        read = [part for part in message_parts(text) if isinstance(part, Reference)]
        steps += check_references(findings, step, place, read)
    key = findings.pipeline.network.kms_key or ""
    if step.config.log_uri and not step.config.log_kms_key and key.startswith("alias/"):
        findings.report_step(
            step.config,
            f"EMR Serverless takes a key by its ARN alone, and the pipeline's is {key}",
            "log_uri",
            allowed="log_kms_key, the ARN of a key",
        )
    return {"reports": tuple((name, name) for name in dict.fromkeys(steps))}


def _said(config: EMRServerlessStep) -> Iterator[tuple[Place, str]]:
    """Yield the texts that may hold values of the execution, with their places."""
    if config.spark is not None:
        for index, text in enumerate(config.spark.arguments):
            yield ("spark", "arguments", index), text
        for name, text in config.spark.properties.items():
            yield ("spark", "properties", name), text
    if config.hive is not None:
        for name, text in config.hive.properties.items():
            yield ("hive", "properties", name), text


EMR_SERVERLESS = StepClass(
    config=EMRServerlessStep,
    renderer="emr_serverless.render_emr_serverless",
    becomes="EMRServerless",
    check=_check,
    takes_chains=False,
    cacheable=True,
    retries="call",
)
