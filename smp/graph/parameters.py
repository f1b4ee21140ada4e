"""What the sections of a pipeline's steps refer to, against the parameters that the pipeline declares.

A model may serve several pipelines: the same reference is checked for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smp.config.sections.parameters import ParameterConfig
from smp.config.validation_errors import describe_error, written_path
from smp.config.values.base import ConfigModel
from smp.config.values.channels import Channel
from smp.config.values.varying import Known, Use, resolve_section, uses_in
from smp.definition.expressions import BEGIN, Reference, names_in
from smp.definition.parameter_text import Value
from smp.errors import Location, Problem, near_names
from smp.graph.findings import Findings
from smp.graph.step_classes import STEP_CLASSES
from smp.text.messages import dotted, shown

Path_ = tuple[str | int, ...]
FITTING = {"Integer": ("Integer",), "Float": ("Float", "Integer"), "Boolean": ("Boolean",)}
"""The types of parameters that may be a whole value of each type."""


Place = Callable[[Path_], tuple[Location, Path_]]


@dataclass(frozen=True)
class Part:
    """A section that steps of the pipeline use, or a step itself, and where it is written."""

    section: ConfigModel
    place: Place
    """Returns where a path below the section is written, and the whole path as it is written."""


def check_parameters(findings: Findings) -> None:
    """Report references that no parameter of the pipeline fits; remember which are used."""
    for part in _parts(findings):
        uses = list(uses_in(part.section))
        if uses:
            _check_part(findings, part, uses)


def declared_parameter(
    findings: Findings, name: str, location: Location, path: str, found: str
) -> ParameterConfig | None:
    """Return a parameter that is referred to at a place; report it where there is none."""
    declared = {parameter.name: parameter for parameter in findings.pipeline.config.parameters}
    if name in declared:
        findings.used_parameters.add(name)
        return declared[name]
    pipeline = findings.pipeline
    findings.problems.append(
        Problem(
            f"the pipeline '{pipeline.config.pipeline_name}' has no parameter '{name}'",
            location,
            path,
            shown(found),
            ", ".join(declared) or None,
            near_names(name, declared)
            or f"declare it in conf.sagemakerPipeline.parameters of {pipeline.file}",
        )
    )
    return None


def unused_parameters(findings: Findings) -> tuple[Problem, ...]:
    """Return a note for each parameter that nothing refers to."""
    return tuple(
        Problem(
            "is declared and not used",
            findings.pipeline.locate("sagemakerPipeline", "parameters", index),
            dotted(("conf", "sagemakerPipeline", "parameters", index)),
            shown(parameter.name),
        )
        for index, parameter in enumerate(findings.pipeline.config.parameters)
        if parameter.name not in findings.used_parameters
    )


def _parts(findings: Findings) -> Iterator[Part]:
    seen = set()
    for name, step in findings.steps.items():
        model = step.model
        for key in STEP_CLASSES[step.config.step_class].sections(step):
            section = model.config.section(key)
            if section is not None and (model.name, key) not in seen:
                seen.add((model.name, key))
                yield Part(section, _below(model.place, (key,)))
        steps = ("sagemakerPipeline", "models", findings.places[name][0], "steps")
        own = (*steps, findings.places[name][1])
        yield Part(step.config, _below(findings.pipeline.place, own))


def _below(place: Place, above: Path_) -> Place:
    return lambda path: place((*above, *path))


def _check_part(findings: Findings, part: Part, uses: list[Use]) -> None:
    before = len(findings.problems)
    parameters: dict[str, ParameterConfig] = {}
    for use in uses:
        location, path = part.place(use.path)
        for name in use.names:
            parameter = declared_parameter(findings, name, location, dotted(path), str(use.value))
            if parameter is not None:
                parameters[name] = parameter
                findings.problems += _unfit(use, parameter, location, path)
    if len(findings.problems) == before:
        for changed, known in _assignments(parameters):
            findings.problems += _refused(part, uses, changed, known)


def _unfit(
    use: Use, parameter: ParameterConfig, location: Location, path: Path_
) -> Iterator[Problem]:
    """Yield what is wrong with a parameter of this type, or of these values, at a place."""

    def problem(reason: str, allowed: str, hint: str | None = None) -> Problem:
        return Problem(reason, location, dotted(path), shown(str(use.value)), allowed, hint)

    name, kind = parameter.name, parameter.type
    if isinstance(use.value, Reference):
        fitting = FITTING[use.value.type]
        if kind not in fitting:
            reason = f"'{name}' is of type {kind}, which does not fit this value"
            yield problem(reason, f"a parameter of type {' or '.join(fitting)}")
    elif kind == "Boolean" and not use.typed:
        reason = (
            f"'{name}' is of type Boolean: how the service writes one in text is not documented"
        )
        yield problem(reason, "a parameter of another type", "type: String takes allowed_values")
    elif name in _naming_buckets(use):
        wrong = [v for v in parameter.allowed_values if not v.startswith("s3://")]
        if not parameter.allowed_values:
            reason = f"the bucket depends on '{name}', so no permission can be granted for it"
            yield problem(
                reason,
                f"s3://BUCKET/{BEGIN}{name}}}, or allowed_values of the parameter",
            )
        elif wrong and use.bucket == "uri" and use.value.startswith(BEGIN):
            reason = f"is a whole URI, and '{name}' may be {shown(wrong[0])}"
            yield problem(reason, "allowed values that begin with s3://, or an s3BucketName")
    elif _is_relative(use) and use.names[0] == name:
        wrong = [str(v) for v in parameter.known_values if str(v).startswith("s3://")]
        if wrong:
            reason = f"is a name below the channel's s3BucketName, and '{name}' may be a URI"
            yield problem(reason, f"other values than {wrong[0]}, or no s3BucketName")


def _naming_buckets(use: Use) -> tuple[str, ...]:
    """Return the parameters that a bucket's name comes from."""
    text = str(use.value)
    if use.bucket == "name":
        return names_in(text)
    if use.bucket == "uri" and text.startswith("s3://"):
        return names_in(text.removeprefix("s3://").partition("/")[0])
    if _is_relative(use):
        return ()
    return names_in(text)[:1] if use.bucket == "uri" and text.startswith(BEGIN) else ()


def _is_relative(use: Use) -> bool:
    """Return whether a file's name begins with a parameter and is below its channel's bucket."""
    channels = [owner for owner in use.owners if isinstance(owner, Channel)]
    below = any(channel.s3_bucket_name for channel in channels)
    return below and use.bucket == "uri" and str(use.value).startswith(BEGIN)


def _assignments(
    parameters: dict[str, ParameterConfig],
) -> Iterator[tuple[str, Known]]:
    """Yield values for all parameters, so that each value that is known is in one of them."""
    usual: dict[str, Value] = {}
    for name, parameter in parameters.items():
        if parameter.default is not None:
            usual[name] = parameter.default
        elif parameter.allowed_values:
            usual[name] = parameter.allowed_values[0]
    yield "", usual.get
    for name, parameter in parameters.items():
        for value in parameter.allowed_values:
            if value != usual[name]:
                yield name, {**usual, name: value}.get


def _refused(part: Part, uses: list[Use], changed: str, known: Known) -> Iterator[Problem]:
    """Yield what the section's own checks find with these values in place of its references."""
    values = resolve_section(part.section, known)
    try:
        type(part.section).model_validate(values)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            beside = tuple(details.get("ctx", {}).get("at", ()))
            at = (*written_path(details["loc"], values), *beside)
            use = _wrong_use(uses, at, beside, changed)
            if use is not None and (not changed or changed in use.names):
                yield _refusal(details, use, part, known)


def _wrong_use(uses: list[Use], at: Path_, beside: Path_, changed: str) -> Use | None:
    """Return the reference with the error, else one next to the value that it was compared with."""
    found = next((use for use in uses if at[: len(use.path)] == use.path), None)
    if found is not None or not beside:
        return found
    near = [use for use in uses if use.path[:-1] == at[:-1]]
    return next((use for use in near if changed in use.names), near[0] if near else None)


def _refusal(details: ErrorDetails, use: Use, part: Part, known: Known) -> Problem:
    location, path = part.place(use.path)
    reason, allowed, hint = describe_error(details, details["input"])
    values = ", ".join(f"'{name}' is {shown(known(name))}" for name in dict.fromkeys(use.names))
    found = f"{shown(str(use.value))}, where {values}"
    return Problem(reason, location, dotted(path), found, allowed, hint)
