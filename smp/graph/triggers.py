"""What triggers set, against the parameters of the pipeline; which model they wait for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from smp.config.project import Model, Project
from smp.config.sections.parameters import MEANINGS, ParameterConfig, of_type
from smp.config.sections.targets import Target
from smp.config.sections.triggers import AnyTrigger, ApprovedModelTrigger, ScheduleTrigger
from smp.definition.expressions import EVENT
from smp.definition.parameter_text import MAX_VALUE, Value
from smp.errors import Problem, near_names
from smp.graph.findings import Findings
from smp.graph.nodes import TriggerNode, model_package_group_name
from smp.text.messages import shown

EVENT_VALUES: Mapping[str, tuple[str, ...]] = {
    "schedule": (),
    "data": ("bucket", "key", "time", "version_id"),
    "approved_model": ("model_package_arn", "time"),
}
"""What `${event.NAME}` may name, by the type of trigger."""

RULE_NAME = re.compile("[a-zA-Z0-9](-*[a-zA-Z0-9])*")
"""SageMakerPipelineParameterName of EventBridge's rules (botocore 1.44.5); Scheduler takes underscores."""


def check_triggers(findings: Findings, project: Project) -> tuple[TriggerNode, ...]:
    """Return the pipeline's triggers, with the groups that they wait for; report what is wrong."""
    nodes = []
    targets = check_targets(findings)
    for index, (trigger, target) in enumerate(
        zip(findings.pipeline.config.triggers, targets, strict=True)
    ):
        _check_values(findings, index, trigger, target)
        group = None
        if isinstance(trigger, ApprovedModelTrigger):
            group = _group(findings, project, index, trigger)
        nodes.append(TriggerNode(trigger, target, group))
    return tuple(nodes)


def _check_values(findings: Findings, index: int, trigger: AnyTrigger, target: Target) -> None:
    declared = {parameter.name: parameter for parameter in findings.pipeline.config.parameters}
    for name, value in trigger.parameters.items():
        place = ("triggers", index, "parameters", name)
        if name not in declared:
            pipeline = findings.pipeline.config.pipeline_name
            findings.report(
                f"the pipeline '{pipeline}' has no parameter '{name}'",
                *place,
                allowed=", ".join(declared) or None,
                hint=near_names(name, declared)
                or "declare it in conf.sagemakerPipeline.parameters",
            )
            continue
        for problem in _value_problems(trigger, target, declared[name], value):
            findings.report(
                problem.reason,
                *place,
                found=shown(value),
                allowed=problem.allowed,
                hint=problem.hint,
            )
    for name, parameter in declared.items():
        if parameter.default is None and name not in trigger.parameters:
            findings.report(
                f"sets no '{name}', which has no default",
                *("triggers", index, "parameters"),
                hint=f"set it in the trigger, or give conf.sagemakerPipeline.parameters '{name}' a default",
            )


def _value_problems(
    trigger: AnyTrigger, target: Target, parameter: ParameterConfig, value: Value
) -> Iterator[Problem]:
    of_rule = trigger.type != "schedule" and target == "sagemaker"
    if of_rule and not RULE_NAME.fullmatch(parameter.name):
        reason = f"EventBridge's rules set no parameter with a name such as '{parameter.name}'"
        renamed = re.sub("[_-]+", "-", parameter.name).strip("-")
        allowed = "letters, digits and hyphens, no hyphen first or last"
        yield Problem(reason, allowed=allowed, hint=f"call it '{renamed}'" if renamed else None)
    event = EVENT.fullmatch(value) if isinstance(value, str) else None
    if event is not None:
        yield from _event_problems(trigger, parameter, event[1])
    else:
        yield from _constant_problems(parameter, value)
        if of_rule and isinstance(value, str) and value.startswith("$"):
            reason = "begins with '$', which EventBridge takes for a path into the event"
            yield Problem(reason, allowed="another value, or ${event.NAME}")


def _event_problems(
    trigger: AnyTrigger, parameter: ParameterConfig, name: str
) -> Iterator[Problem]:
    known = EVENT_VALUES[trigger.type]
    if not known:
        yield Problem("is a value of an event, and a schedule has none", allowed="a value")
    elif name not in known:
        allowed = ", ".join(f"${{event.{each}}}" for each in known)
        reason = f"'{name}' is not a value of the event of a trigger of type {trigger.type}"
        yield Problem(reason, allowed=allowed, hint=near_names(name, known))
    if parameter.type != "String":
        reason = f"is text, and '{parameter.name}' is of type {parameter.type}"
        yield Problem(reason, allowed="a parameter of type String")
    elif parameter.allowed_values:
        reason = f"may be anything, and '{parameter.name}' allows only some values"
        yield Problem(reason, allowed="a parameter without allowed_values")


def _constant_problems(parameter: ParameterConfig, value: Value) -> Iterator[Problem]:
    read = of_type(value, parameter.type)
    if read is None:
        quoted = parameter.type == "String" and not isinstance(value, (str, bool))
        hint = f'put it in quotes: "{value}"' if quoted else None
        reason = f"is not a value of '{parameter.name}', which is of type {parameter.type}"
        yield Problem(reason, allowed=MEANINGS[parameter.type], hint=hint)
    elif parameter.allowed_values and read not in parameter.allowed_values:
        hint = near_names(str(read), parameter.allowed_values)
        allowed = ", ".join(parameter.allowed_values)
        yield Problem(f"is not a value that '{parameter.name}' allows", allowed=allowed, hint=hint)
    elif not 1 <= len(str(read)) <= MAX_VALUE:
        yield Problem("is too long or empty", allowed=f"1 to {MAX_VALUE:,} characters")


def _group(
    findings: Findings, project: Project, index: int, trigger: ApprovedModelTrigger
) -> str | None:
    """Return the group that a trigger waits for; report one that is not there, or its own."""
    group = trigger.model_package_group
    key = "model_package_group" if group else "model"
    if group is None:
        group = _registered(findings, project, index, trigger)
    if group is not None and group in _own_groups(findings):
        findings.report(
            f"the pipeline itself registers in '{group}': each approval would start it again",
            *("triggers", index, key),
            allowed="a model that another pipeline registers",
        )
    return group


def _registered(
    findings: Findings, project: Project, index: int, trigger: ApprovedModelTrigger
) -> str | None:
    others = {each.config.pipeline_name: each for each in project.pipelines}
    name, model = str(trigger.pipeline), str(trigger.model)
    if name not in others:
        findings.report(
            f"there is no pipeline '{name}'",
            *("triggers", index, "pipeline"),
            allowed=", ".join(others),
            hint=near_names(name, others)
            or "of a pipeline elsewhere, name the model_package_group",
        )
        return None
    steps = {
        each: [step.step_class for step in section.steps]
        for each, section in others[name].config.models.items()
    }
    registered = [each for each, classes in steps.items() if "RegisterModel" in classes]
    found: Model | None = project.models.get(model)
    if model not in registered or found is None or found.config.registry is None:
        findings.report(
            f"the pipeline '{name}' registers no model '{model}'",
            *("triggers", index, "model"),
            allowed=", ".join(registered) or "it registers none",
            hint=near_names(model, registered),
        )
        return None
    return model_package_group_name(others[name], found)


def _own_groups(findings: Findings) -> set[str]:
    return {
        model_package_group_name(findings.pipeline, step.model)
        for step in findings.steps.values()
        if step.config.step_class == "RegisterModel" and step.model.config.registry is not None
    }


def check_targets(findings: Findings) -> tuple[Target, ...]:
    """Return the target of each of the pipeline's triggers; report what is wrong."""
    config = findings.pipeline.config
    scheduled: str | None = None
    chosen = []
    for index, trigger in enumerate(config.triggers):
        target = trigger.target or config.engines[0]
        chosen.append(target)
        if target not in config.engines:
            findings.report(
                f"the pipeline has no target '{target}'",
                *("triggers", index, "target"),
                allowed=", ".join(config.engines),
                hint=near_names(target, config.engines)
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
    others = [target for target in findings.pipeline.config.engines if target != "airflow"]
    if others:
        return f"set target: {others[0]}"
    return "set target: sagemaker, and add it to conf.sagemakerPipeline.targets"
