"""What is known of a pipeline while it is checked: its declared steps, and every problem found so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smp.config.project import Model, Pipeline, Project
from smp.config.steps.base import StepBase
from smp.config.values.base import ConfigModel
from smp.errors import Problem
from smp.text.messages import dotted

Sides = Mapping[str, Mapping[str, frozenset[bool]]]
"""For each step that conditions list: the condition, and on which of its sides."""


class Findings:
    """The steps of one pipeline by name, the place of each in its file, and the problems among them."""

    def __init__(self, pipeline: Pipeline, project: Project) -> None:
        self.pipeline = pipeline
        self.project = project
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        """Remarks about what is valid."""
        self.places: dict[str, tuple[str, int]] = {}
        """The model section and the position in it of each step."""
        self.steps: dict[str, DeclaredStep] = {}
        self.sides: Sides = {}
        self.followed: Sides = {}
        """The sides of conditions that steps run on, also those that none lists."""
        self.behind_failures: frozenset[str] = frozenset()
        """The steps that run only when another has failed."""
        self.loops: dict[str, str] = {}
        """The loop that each step is in, of those that are in one."""
        self.used_parameters: set[str] = set()

    def report(
        self,
        reason: str,
        *path: str | int,
        found: str | None = None,
        allowed: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Add a problem at a path below `conf.sagemakerPipeline`."""
        full = ("sagemakerPipeline", *path)
        location = self.pipeline.locate(*full)
        text = dotted(("conf", *full))
        self.problems.append(Problem(reason, location, text, found, allowed, hint))

    def report_step(
        self, step: StepBase, reason: str, key: str = "", **details: str | None
    ) -> None:
        """Add a problem at a key of a step."""
        model, index = self.places[step.step_name]
        self.report(reason, "models", model, "steps", index, *([key] if key else []), **details)

    def report_model(
        self, model: Model, reason: str, *path: str | int, **details: str | None
    ) -> None:
        """Add a problem at a path below `conf.models.<name>`."""
        location, full = model.locate(*path), dotted(("conf", "models", model.name, *path))
        self.problems.append(Problem(reason, location, full, **details))

    def steps_of(self, model: Model, *step_classes: str) -> list[str]:
        """Return the names of a model's steps of some classes, in the order written."""
        return [
            name
            for name, step in self.steps.items()
            if step.model is model and step.config.step_class in step_classes
        ]

    def config_of(self, name: str) -> StepBase:
        """Return a step by its name; the pipeline has it."""
        return self.steps[name].config

    def are_opposite(self, one: str, other: str) -> bool:
        """Return whether the two steps run on different sides of a Condition step."""
        sides, others = self.followed.get(one, {}), self.followed.get(other, {})
        return any(not sides[name] & others[name] for name in sides.keys() & others.keys())

    def before(self, step: StepBase, model: Model, *step_classes: str) -> list[str]:
        """Return the steps of some classes that the model has before this one, else all that it has.

        What runs only after a failure counts for steps that do so too, or where there is nothing else.
        """
        order = list(self.steps)
        names = self.regular(step, self.steps_of(model, *step_classes))
        return [n for n in names if order.index(n) < order.index(step.step_name)] or names

    def regular(self, step: StepBase, names: list[str]) -> list[str]:
        """Return the names without those that run only after a failure, for a step that does not."""
        if step.step_name in self.behind_failures:
            return names
        return [name for name in names if name not in self.behind_failures] or names

    def last_before(self, step: StepBase, model: Model, *step_classes: str) -> str | None:
        """Return the last of these steps, if there is one."""
        candidates = self.before(step, model, *step_classes)
        return candidates[-1] if candidates else None


Outputs = tuple[tuple[str, str], ...]
"""The (output, channel) pairs that a step offers to others; empty where it has none."""


@dataclass(frozen=True)
class DeclaredStep:
    """A step as declared, with the model whose section it uses."""

    config: StepBase
    model: Model
    section_name: str | None = None
    """The section that it uses: its `step_type`, else the one of its class."""

    @property
    def section(self) -> ConfigModel | None:
        """That section of its model; None if no file has it."""
        return self.model.config.section(self.section_name) if self.section_name else None
