"""Checks of the storage of a job's instances: whether it takes a key, and whether it is large enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from smp.config.sections.parameters import ParameterConfig
from smp.config.values.base import ConfigModel
from smp.config.values.instance_storage import has_local_storage, local_gigabytes
from smp.definition.expressions import filled_in, names_in
from smp.errors import Problem
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.step_classes import STEP_CLASSES
from smp.text.messages import dotted, shown


@dataclass(frozen=True)
class _Place:
    """A section, or a step, that says on which instances a job runs."""

    owner: ConfigModel
    where: Findings
    step: DeclaredStep
    section: str | None

    def problem(self, key: str, reason: str, **details: str | None) -> Problem:
        """Return a problem at a key of it."""
        if self.section is not None:
            path = (self.section, key)
            model = self.step.model
            full = dotted(("conf", "models", model.name, *path))
            return Problem(reason, model.locate(*path), full, **details)
        model_name, index = self.where.places[self.step.config.step_name]
        path_in = ("sagemakerPipeline", "models", model_name, "steps", index, key)
        return Problem(
            reason, self.where.pipeline.locate(*path_in), dotted(("conf", *path_in)), **details
        )


def check_storage(findings: Findings) -> None:
    """Report volumes of which it is not known whether they take a key, and those that are too large.

    A volume gets no key if some of the instance types have local NVMe storage: a note says so.
    """
    declared = {item.name: item for item in findings.pipeline.config.parameters}
    for step in findings.steps.values():
        for place in _places(findings, step):
            written = getattr(place.owner, "instance_type", None)
            if not isinstance(written, str) or not set(names_in(written)) <= declared.keys():
                continue
            known = known_types(written, declared)
            if not known:
                findings.problems.append(_unknown(place, written))
            elif 0 < len(local := list(filter(has_local_storage, known))) < len(known):
                findings.notes.append(_without_key(place, local))
            if step.config.step_class in ("Processing", "Metrics", "QualityCheck", "ClarifyCheck"):
                findings.problems += _too_large(place, known)


def known_types(written: str, declared: dict[str, ParameterConfig]) -> tuple[str, ...]:
    """Return the instance types that the parameters in a text are known to give."""
    names = names_in(written)
    values = (declared[name].known_values for name in names)
    fillings = (dict(zip(names, map(str, chosen), strict=True)) for chosen in product(*values))
    return tuple(filled_in(written, filling.get) for filling in fillings)


def _places(findings: Findings, step: DeclaredStep) -> Iterator[_Place]:
    yield _Place(step.config, findings, step, None)
    for name in STEP_CLASSES[step.config.step_class].sections(step):
        section = step.model.config.section(name)
        if section is not None:
            yield _Place(section, findings, step, name)


def _unknown(place: _Place, written: str) -> Problem:
    return place.problem(
        "instance_type",
        f"whether the volume takes a key depends on the instance type {written}",
        found="no value known",
        hint="give the parameter a default or allowed_values",
    )


def _without_key(place: _Place, local: list[str]) -> Problem:
    """Return the note: a request cannot have a key for some instance types alone."""
    return place.problem(
        "instance_type",
        "its volume is encrypted with SageMaker's own key: instances with local NVMe storage take no key",
        found=f"with local NVMe storage: {', '.join(local)}",
        hint="for the project's key, allow only instance types without local NVMe storage",
    )


def _too_large(place: _Place, known: tuple[str, ...]) -> Iterator[Problem]:
    """Yield a problem if the local storage, which takes the volume's place, is smaller than that."""
    size = getattr(place.owner, "volume_size_in_gb", None)
    if not isinstance(size, int):
        return
    for name in known:
        local = local_gigabytes(name)
        if local is not None and size > local:
            yield place.problem(
                "volume_size_in_gb",
                f"{name} has local storage in the place of a volume, and SageMaker refuses more",
                found=shown(size),
                allowed=f"1 to {local} (GB)",
                hint="ask for less, or choose a larger instance",
            )
