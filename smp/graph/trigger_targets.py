"""Which of a pipeline's targets each trigger starts, and whether that target knows such a start."""

from __future__ import annotations

from smp.config.sections.targets import Target
from smp.config.sections.triggers import AnyTrigger, ScheduleTrigger
from smp.errors import near_names
from smp.graph.findings import Findings
from smp.text.messages import shown


def check_targets(findings: Findings) -> tuple[Target, ...]:
    """Return the target of each of the pipeline's triggers; report what is wrong."""
    config = findings.pipeline.config
    scheduled: str | None = None
    chosen = []
    for index, trigger in enumerate(config.triggers):
        target = trigger.target or config.targets[0]
        chosen.append(target)
        if target not in config.targets:
            findings.report(
                f"the pipeline has no target '{target}'",
                *("triggers", index, "target"),
                allowed=", ".join(config.targets),
                hint=near_names(target, config.targets)
                or f"add {target} to conf.sagemakerPipeline.targets",
            )
        elif target == "airflow":
            _check_airflow(findings, index, trigger, scheduled)
            if isinstance(trigger, ScheduleTrigger) and trigger.enabled:
                scheduled = scheduled or trigger.name
    return tuple(chosen)


def _check_airflow(
    findings: Findings, index: int, trigger: AnyTrigger, scheduled: str | None
) -> None:
    """A DAG has one schedule and waits for nothing else."""
    if not isinstance(trigger, ScheduleTrigger):
        findings.report(
            "Airflow starts a DAG at certain times only",
            *("triggers", index, "target" if trigger.target else "type"),
            found=shown(trigger.target or trigger.type),
            allowed="triggers of type schedule",
            hint=_elsewhere(findings),
        )
        return
    if scheduled and trigger.enabled:
        findings.report(
            f"a DAG has one schedule, and '{scheduled}' is it",
            *("triggers", index, "name"),
            found=shown(trigger.name),
            allowed="one trigger that is switched on",
            hint=f"{_elsewhere(findings)}, or switch one of the two off",
        )
    if trigger.cron:
        _check_cron(findings, index, trigger.cron)


def _check_cron(findings: Findings, index: int, cron: str) -> None:
    """Airflow's expressions have five fields."""
    _, _, day, _, _, year = cron.split()
    place = ("triggers", index, "cron")
    if year != "*":
        hint = "limit the schedule with start and end"
        reason = "Airflow knows no years"
        findings.report(reason, *place, found=shown(cron), allowed="* as year", hint=hint)
    if day.upper().endswith("W"):
        reason = "Airflow knows no nearest working day"
        findings.report(reason, *place, found=shown(cron), allowed="days without W")


def _elsewhere(findings: Findings) -> str:
    """Return what to do so that another target is started."""
    others = [target for target in findings.pipeline.config.targets if target != "airflow"]
    if others:
        return f"set target: {others[0]}"
    return "set target: sagemaker, and add it to conf.sagemakerPipeline.targets"
