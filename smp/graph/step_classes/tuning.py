"""Tuning: the training job of a model, with hyperparameters that a search chooses."""

from __future__ import annotations

from smp.config.steps.section_step import StepConfig
from smp.errors import near_names
from smp.graph.channels import taken_outputs
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, StepClass
from smp.graph.step_classes.hyperparameters import check_algorithm, check_tuned
from smp.graph.step_classes.training import check_training, training_outputs


def _check(findings: Findings, step: DeclaredStep, chained: tuple[ChainedInput, ...]) -> Implied:
    check_training(findings, step, chained)
    train, tune = step.model.config.train, step.model.config.tune
    if train is None or tune is None:
        return {}
    if train.entry_point is not None:
        check_tuned(findings, step, train, tune)
    else:
        check_algorithm(findings, step, train, tune)
    if train.distributed is not None:
        findings.report_model(
            step.model,
            f"the jobs of the Tuning step '{step.config.step_name}' take no command, so nothing can start "
            "several processes",
            *("train", "distributed"),
            hint="use Training steps, or let the script start its own processes",
        )
    known = [metric.name for metric in train.metric_definitions]
    if train.entry_point is not None and tune.objective.metric not in known:
        findings.report_model(
            step.model,
            f"the objective '{tune.objective.metric}' is not a metric of train.metric_definitions",
            *("tune", "objective", "metric"),
            allowed=", ".join(known) or "metric_definitions has none",
            hint=near_names(tune.objective.metric, known),
        )
    return {}


TUNING = StepClass(
    config=StepConfig,
    renderer="tuning.render_tuning",
    becomes="Tuning",
    section="tune",
    check=_check,
    outputs=training_outputs,
    retries="job",
    stand_in_section="train",
    needs="train",
    takes_outputs=taken_outputs,
    cacheable=True,
    script="train",
)
