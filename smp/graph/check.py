"""Checks one pipeline step by step and assembles its graph.

It never stops at the first problem: all are collected for one report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from smp.config.project import Model, Pipeline, Project
from smp.config.steps.base import Chaining, StepBase
from smp.definition.order import cycle_in
from smp.errors import near_names
from smp.graph.branches import (
    follow_failures,
    follow_sides,
    place_on_sides,
    read_sides,
    wait_for_failures,
)
from smp.graph.chains import ChainError, resolve_chain
from smp.graph.condition_parameters import check_condition_parameters
from smp.graph.findings import DeclaredStep, Findings, Sides
from smp.graph.loop_items import check_items
from smp.graph.loops import place_in_loops, read_loops
from smp.graph.nodes import ChainedInput, PipelineGraph, StepNode, configured_name
from smp.graph.parameters import check_parameters, unused_parameters
from smp.graph.steps import check_sections, check_step, check_unused_keys, section_name
from smp.graph.storage import check_storage
from smp.graph.triggers import check_triggers

MAX_STEP_NAME = 64
"""CreatePipeline's limit on a step's name (botocore 1.44.5)."""


class GraphChecker(Findings):
    """Puts the graph of one pipeline together and finds what is wrong with it."""

    def __init__(self, pipeline: Pipeline, project: Project) -> None:
        super().__init__(pipeline, project)
        self._lines: dict[tuple[str, str], int] = {}
        """Which line of `dependencies` puts one step before another."""

    def build(self) -> PipelineGraph | None:
        """Return the graph, or None where a problem was found."""
        self._declare()
        after = self._read_dependencies()
        sides = self.sides = read_sides(self)
        self.loops = read_loops(self)
        self.followed = follow_sides(self, sides, after)
        self.behind_failures = follow_failures(self, after)
        nodes = tuple(self._node(step, after) for step in self.steps.values())
        nodes = place_in_loops(self, wait_for_failures(self, nodes))
        check_unused_keys(self, nodes)
        if self._check_cycle(nodes, sides):
            nodes = place_on_sides(self, nodes, sides)
        self._check_emitted_names(nodes)
        check_parameters(self)
        check_condition_parameters(self)
        check_items(self)
        check_storage(self)
        triggers = check_triggers(self, self.project)
        if self.problems:
            return None
        return PipelineGraph(
            self.pipeline, nodes, (*unused_parameters(self), *self.notes), triggers
        )

    def _declare(self) -> None:
        for model_name, section in self.pipeline.config.models.items():
            model = self.project.models.get(model_name)
            if model is None:
                self.report(
                    f"no file has a section conf.models.{model_name}",
                    "models",
                    model_name,
                    allowed=", ".join(self.project.models) or None,
                    hint=near_names(model_name, self.project.models),
                )
            for index, step in enumerate(section.steps):
                self._declare_step(model_name, index, step, model)

    def _declare_step(
        self, model_name: str, index: int, step: StepBase, model: Model | None
    ) -> None:
        if step.step_name in self.places:
            first = self.pipeline.locate(
                "sagemakerPipeline", "models", *self._step_path(step.step_name), "step_name"
            )
            self.report(
                f"the step name '{step.step_name}' is taken at {first}",
                "models",
                model_name,
                "steps",
                index,
                "step_name",
                hint="step names are unique in a pipeline",
            )
            return
        self.places[step.step_name] = (model_name, index)
        if model is not None:
            declared = DeclaredStep(step, model, section_name(self, step, model))
            self.steps[step.step_name] = declared
            check_sections(self, declared)

    def _step_path(self, name: str) -> tuple[str | int, ...]:
        model, index = self.places[name]
        return (model, "steps", index)

    def _read_dependencies(self) -> dict[str, list[str]]:
        after: dict[str, list[str]] = {name: [] for name in self.steps}
        for index, line in enumerate(self.pipeline.config.dependencies):
            names = read_line(line)
            if len(names) < 2:
                self.report("has no '>>'", "dependencies", index, found=line, allowed="a >> b")
                continue
            known = [self._check_dependency(name, index, line) for name in names]
            if not all(known):
                continue
            for before, then in links([name for name in names if name in self.steps]):
                self._lines.setdefault((before, then), index)
                if before == then:
                    self.report(f"'{then}' waits for itself", "dependencies", index, found=line)
                elif before not in after.get(then, [before]):
                    after[then].append(before)
        return after

    def _check_dependency(self, name: str, index: int, line: str) -> bool:
        if name in self.places:
            return True
        reason = f"'{name}' is not a step of this pipeline" if name else "a step's name is missing"
        configured = configured_name(name)
        hint = (
            f"write '{configured}': name a step by its step_name"
            if configured in self.places
            else near_names(name, self.places)
        )
        self.report(reason, "dependencies", index, found=line, hint=hint)
        return False

    def _node(self, step: DeclaredStep, after: dict[str, list[str]]) -> StepNode:
        chained = self._chains(step)
        implied = check_step(self, step, chained)
        return StepNode(
            step.config,
            step.model,
            chained,
            tuple(after[step.config.step_name]),
            section_name=step.section_name,
            **implied,
        )

    def _chains(self, step: DeclaredStep) -> tuple[ChainedInput, ...]:
        found: list[ChainedInput] = []
        seen: set[str] = set()
        written: tuple[str, ...] = ()
        if isinstance(step.config, Chaining):
            written = step.config.chain_input_source_step
        for index, source in enumerate(written):
            try:
                if source in seen:
                    raise ChainError("is chained twice")
                seen.add(source)
                if source in self.places and source not in self.steps:
                    continue
                found += resolve_chain(step, source, self.steps)
            except ChainError as fault:
                model, place = self.places[step.config.step_name]
                self.report(
                    f"'{source}' {fault.reason}",
                    *("models", model, "steps", place, "chain_input_source_step", index),
                    allowed=fault.allowed,
                    hint=fault.hint,
                )
        return tuple(found)

    def _check_emitted_names(self, nodes: tuple[StepNode, ...]) -> None:
        owners: dict[str, str] = {}
        for node in nodes:
            for emitted in node.emitted:
                if len(emitted) > MAX_STEP_NAME:
                    self.report_step(
                        node.config,
                        f"its step '{emitted}' has {len(emitted)} characters",
                        "step_name",
                        allowed=f"{MAX_STEP_NAME} characters with what the class appends",
                    )
                if owners.setdefault(emitted, node.name) != node.name:
                    self.report_step(
                        node.config,
                        f"its step '{emitted}' has the name of a step that "
                        f"'{owners[emitted]}' makes",
                        "step_name",
                    )
        total, limit = len(owners), self.pipeline.config.max_steps
        if total > limit:
            self.report(
                f"the pipeline has {total} steps",
                allowed=f"{limit}",
                hint="50 is the service's default quota; after raising it, set maxSteps",
            )

    def _check_cycle(self, nodes: tuple[StepNode, ...], sides: Sides) -> bool:
        """Report a cycle; return whether there is none."""
        waits = {node.name: [*node.waits, *sides.get(node.name, {})] for node in nodes}
        cycle = cycle_in(waits)
        if cycle is None:
            return True
        reads = {node.name: node.reads for node in nodes}
        pairs = list(links(cycle))
        described = "; ".join(
            f"{then} {'reads' if before in reads[then] else 'waits for'} {before}"
            for before, then in pairs
        )
        reason = f"the steps form a cycle: {' >> '.join(cycle)}"
        lines = [self._lines[pair] for pair in pairs if pair in self._lines]
        if lines:
            self.report(reason, "dependencies", lines[0], found=described)
        else:
            reader = self.config_of(cycle[1])
            self.report_step(reader, reason, "chain_input_source_step", found=described)
        return False


def read_line(line: str) -> list[str]:
    """Split `a >> b >> c` into names, with or without spaces; an empty name stays, to be reported."""
    return [part.strip() for part in line.split(">>")]


def links(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each (before, after) pair of a line."""
    yield from pairwise(names)
