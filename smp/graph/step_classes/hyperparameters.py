"""What can be delivered of hyperparameters and channels, by what starts the job's script.

A Training step's script is started by the SDK's drivers, one of a Tuning step by the training toolkit of
the image; an image's own algorithm reads the request's texts itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from smp.config.sections.train import TrainSection
from smp.config.sections.tune import CategoryRange, TuneSection
from smp.definition.deploy_values import image
from smp.definition.expressions import REFERENCE
from smp.definition.hyperparameters import (
    MAX_VALUE,
    NOT_TAKEN,
    algorithm_text,
    argument_text,
    breaks_quotes,
    quoted_parameters,
    script_text,
    trial_text,
)
from smp.definition.start_scripts import StartScript, start_script
from smp.graph.findings import DeclaredStep, Findings
from smp.text.messages import shown

Path_ = tuple[str | int, ...]
VARIABLE = re.compile("[A-Za-z0-9_-]+")
CHANNEL = re.compile("[A-Za-z0-9_]+")
IN_A_SHELL = re.compile(r"[^\x00-\x7f]|[\w@%+=:,./\[\]-]")
"""Characters that a shell leaves as they are, with those of a list that no file is called like."""
MODULE = re.compile(r"[A-Za-z_]\w*\.py")


@dataclass(frozen=True)
class Given:
    """A hyperparameter, and where it is written below the model."""

    path: Path_
    name: str
    value: Any


def start_of(section: TrainSection) -> StartScript:
    """Return the start script of the image that a section names."""
    published = section.published()
    return start_script(image(published.name) if published else str(section.image_uri))


def check_launched(findings: Findings, step: DeclaredStep, section: TrainSection) -> None:
    """Report what the SDK's launcher, which makes variables of names, cannot deliver to a script."""
    for given in _given(section, None):
        if not VARIABLE.fullmatch(given.name):
            _report(
                findings,
                step,
                given,
                "breaks the start script of a training job, which makes a variable of the name",
                "a name of letters, digits, '_' and '-'",
            )
        _check_text(findings, step, given, script_text(given.value, _numbers(findings)))
    for name in section.channels:
        if not CHANNEL.fullmatch(name):
            findings.report_model(
                step.model,
                "breaks the start script of a training job, which exports SM_CHANNEL_… from it",
                *("train", "channels", name),
                allowed="1 to 64 letters, digits and '_'",
                hint="write '_' for '-'" if "-" in name else None,
            )


def check_algorithm(
    findings: Findings, step: DeclaredStep, section: TrainSection, tune: TuneSection | None
) -> None:
    """Report what the service does not take of an own algorithm's hyperparameters."""
    for given in _given(section, tune):
        text = algorithm_text(given.value)
        _check_text(findings, step, given, text)
        if NOT_TAKEN.search(text):
            reason = "has a line break or control character, which the service refuses"
            _report(findings, step, given, reason, "text of one line")


def check_tuned(
    findings: Findings, step: DeclaredStep, section: TrainSection, tune: TuneSection
) -> None:
    """Report what the training toolkit of the image cannot deliver to the script of a search."""
    start = start_of(section)
    _check_entry_point(findings, step, str(section.entry_point), start)
    for given in _given(section, tune):
        for reason, allowed in _undelivered_name(given.name, start):
            _report(findings, step, given, reason, allowed)
        _check_text(findings, step, given, trial_text(given.value, _numbers(findings)))
        for text in _arguments(findings, given.value):
            for reason, allowed in _undelivered_text(text, start):
                _report(findings, step, given, reason, allowed, shown(text))
    for name, one in tune.ranges.items():
        at = Given(("tune", "ranges", name), name, None)
        for reason, allowed in _undelivered_name(name, start):
            _report(findings, step, at, reason, allowed)
        for text in map(argument_text, one.values if isinstance(one, CategoryRange) else ()):
            for reason, allowed in _undelivered_text(text, start):
                _report(findings, step, at, reason, allowed, shown(text))


def _given(section: TrainSection, tune: TuneSection | None) -> Iterator[Given]:
    """Yield the hyperparameters that no search chooses; those of `tune` take the place of others."""
    own = tune.static_hyperparameters if tune else {}
    chosen = tune.ranges if tune else {}
    for name, value in section.hyperparameters.items():
        if name not in own and name not in chosen:
            yield Given(("train", "hyperparameters", name), name, value)
    for name, value in own.items():
        yield Given(("tune", "static_hyperparameters", name), name, value)


def _numbers(findings: Findings) -> frozenset[str]:
    declared = findings.pipeline.config.parameters
    return frozenset(item.name for item in declared if item.type != "String")


def _check_text(findings: Findings, step: DeclaredStep, given: Given, text: str) -> None:
    """Report a text that is too long in the request, or values that break its quotes."""
    if len(text) > MAX_VALUE:
        reason = f"has {len(text):,} characters in the request"
        _report(findings, step, given, reason, f"at most {MAX_VALUE:,}")
    if not text.startswith('"') or not isinstance(given.value, str):
        return
    declared = {item.name: item for item in findings.pipeline.config.parameters}
    for name in quoted_parameters(given.value, _numbers(findings)):
        values = [str(v) for v in declared[name].known_values] if name in declared else []
        for value in filter(breaks_quotes, values):
            reason = f"stands inside a JSON string, and '{name}' may be {shown(value)}"
            allowed = 'values without ", backslash and control characters'
            _report(findings, step, given, reason, allowed)


def _arguments(findings: Findings, value: Any) -> Iterator[str]:
    """Yield the arguments that a value is known to become: with parameters in it, one for each value."""
    text = argument_text(value)
    names = REFERENCE.findall(text) if isinstance(value, str) else []
    if not names:
        yield text
    declared = {item.name: item for item in findings.pipeline.config.parameters}
    for name in names:
        for known in declared[name].known_values if name in declared else ():
            yield REFERENCE.sub(lambda _, known=known: str(known), text)  # type: ignore[misc]


def _undelivered_name(name: str, start: StartScript) -> Iterator[tuple[str, str]]:
    """Yield why a name does not arrive as `--name`, and what does."""
    if len(name) == 1:
        reason = f"arrives as '-{name}' in the jobs of a search, and as '--{name}' in a training"
        yield f"{reason}: a script that takes one of them fails", "a name of two or more characters"
    elif name.startswith("sagemaker_") or name == "_tuning_objective_metric":
        reason = f"is not given to the script: the start script of {start.name} keeps it for itself"
        yield reason, "a name that does not begin with 'sagemaker_'"
    elif start.joins_arguments and _is_split(name):
        yield _shell_reason(start), "a name of letters, digits, '_' and '-'"


def _undelivered_text(text: str, start: StartScript) -> Iterator[tuple[str, str]]:
    """Yield why an argument does not arrive as it is, and what does."""
    if start.joins_arguments and _is_split(text):
        yield _shell_reason(start), "letters, digits and @%+=:,./_-, and not nothing"
    elif start.strips_quotes and (text.startswith('"') or text.endswith('"')):
        reason = (
            f"loses its double quotes: the start script of {start.name} strips the last argument"
        )
        yield reason, 'text that neither begins nor ends with "'


def _is_split(text: str) -> bool:
    return not text or any(not IN_A_SHELL.fullmatch(character) for character in text)


def _shell_reason(start: StartScript) -> str:
    return (
        f"does not arrive as it is: the start script of {start.name} gives it to a shell unquoted"
    )


def _check_entry_point(
    findings: Findings, step: DeclaredStep, entry_point: str, start: StartScript
) -> None:
    place = ("train", "entry_point")
    if start.runs_modules and not MODULE.fullmatch(entry_point):
        findings.report_model(
            step.model,
            f"is not found in the jobs of a search: the start script of {start.name} runs it as a module",
            *place,
            found=shown(entry_point),
            allowed="a .py file in source_directory itself, named as a Python module",
        )
    elif start.joins_arguments and _is_split(entry_point):
        findings.report_model(
            step.model,
            _shell_reason(start),
            *place,
            found=shown(entry_point),
            allowed="letters, digits and @%+=:,./_-",
        )


def _report(
    findings: Findings,
    step: DeclaredStep,
    given: Given,
    reason: str,
    allowed: str,
    found: str | None = None,
) -> None:
    findings.report_model(
        step.model, reason, *given.path, found=found or shown(given.name), allowed=allowed
    )
