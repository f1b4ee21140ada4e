"""The graph of one pipeline: its steps, what each reads and what each waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from smp.config.project import Model, Pipeline
from smp.config.sections.registry import InferenceSpecification
from smp.config.sections.targets import Target
from smp.config.sections.triggers import AnyTrigger
from smp.config.steps.base import StepBase
from smp.config.values.base import ConfigModel
from smp.definition.order import topological
from smp.errors import Problem
from smp.text.messages import dotted

REPORT_OUTPUT = "model_evaluation_metrics"
"""The output of a Metrics step; its report is the file of this name with `.json` appended."""

SAFE_NAME_CHARACTERS = 82
"""The service takes 256 in a pipeline's name; executions of longer names than this have failed."""

MODEL_OUTPUT = "model"
PREDICTIONS_OUTPUT = "predictions"


@dataclass(frozen=True)
class ChainedInput:
    """What one step reads of another.

    `output` is the name of a processing output, or `model` for a Training source, or `predictions` for
    a Transform source; `channel` is the channel that names the input in the job that reads it.
    """

    source: str
    output: str
    channel: str
    copied: str | None = None
    """Of a copied source, the step that it repeats."""

    @property
    def label(self) -> str:
        """The source's name as configured, in the names of inputs: a script sees no copies."""
        return self.copied or self.source


@dataclass(frozen=True)
class Branch:
    """The side of a Condition step that another step runs on."""

    condition: str
    taken: bool
    """Whether it is the side of `if_steps`."""


@dataclass(frozen=True)
class PackageSource:
    """A model package group, and the prefixes of its versions' objects."""

    group: str
    artifacts: tuple[str, ...] = ()
    """Prefixes of their artifacts, `s3://bucket/prefix/`."""
    images: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    """Prefixes of their metrics reports."""
    serving: InferenceSpecification | None = None
    """What a pipeline of the workspace registers them with, their image above all."""


@dataclass(frozen=True)
class StepNode:
    """One step of the configuration, which may become several steps of the definition."""

    config: StepBase
    model: Model
    chained: tuple[ChainedInput, ...] = ()
    after: tuple[str, ...] = ()
    """Names of the steps that `dependencies` puts directly before it, in the order written."""
    training: str | None = None
    """For CreateModel and RegisterModel: the Training or Tuning step that makes the artifact."""
    training_otherwise: str | None = None
    """The one on the other side of the Condition step that chooses between the two."""
    create_model: str | None = None
    """For Transform: the CreateModel step of its model.

    For RegisterModel: the one whose packed model it registers, if any.
    """
    metrics: str | None = None
    """For RegisterModel: the Metrics step whose report becomes the model's quality statistics."""

    approved: str | None = None
    """For CreateModel: the ApprovedModel step whose version it makes a model of."""
    packages: PackageSource | None = None
    """For ApprovedModel: the group that it looks in."""
    reports: tuple[tuple[str, str], ...] = ()
    """The steps whose metrics its condition or message reads: as written, and which is meant."""
    after_failed: tuple[str, ...] = ()
    """Names of the steps whose failure it waits for."""
    branch: Branch | None = None
    """Its side, if a Condition step decides whether it runs."""
    copy_of: str | None = None
    """The step that it repeats on the other side of a Condition step."""
    loop: str | None = None
    """The ForEach step that runs it once for each item."""
    selected: tuple[str, ...] = ()
    """The steps of loops that it reads from outside: those of the selected iterations."""
    section_name: str | None = None
    """The section of its model that it uses: its `step_type`, else the one of its class."""

    @property
    def name(self) -> str:
        """The name as the configuration has it; a copy has its own."""
        return self.config.step_name

    @property
    def step_class(self) -> str:
        return self.config.step_class

    @property
    def section(self) -> ConfigModel | None:
        """The section of its model that it uses; None for a class whose step has its own keys."""
        return self.model.config.section(self.section_name) if self.section_name else None

    @property
    def repacks(self) -> bool:
        """Whether a Training step packs the model's code before this step."""
        registry = self.model.config.registry
        if self.step_class not in ("CreateModel", "RegisterModel") or registry is None:
            return False
        if self.approved is not None:
            return False
        shares = self.step_class == "RegisterModel" and self.create_model is not None
        return registry.model_repack and not shares

    @property
    def emitted(self) -> tuple[str, ...]:
        """Names of the steps in the definition, in order; the first waits, the last is waited for."""
        if self.step_class not in ("CreateModel", "RegisterModel"):
            return (self.name,)
        own = f"{self.name}-{self.step_class}"
        return (f"{self.name}-RepackModel-0", own) if self.repacks else (own,)

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the steps whose results it uses, without those it merely waits for."""
        named = (chain.source for chain in self.chained)
        makers = (self.training, self.training_otherwise, self.approved)
        implied = (*makers, self.create_model, self.metrics)
        reported = (name for _, name in self.reports)
        return tuple(dict.fromkeys([*named, *(name for name in implied if name), *reported]))

    @property
    def waits(self) -> tuple[str, ...]:
        """Names of all steps that come before it."""
        around = (self.branch.condition if self.branch else None, self.loop)
        inside = [name for name in around if name is not None]
        return tuple(dict.fromkeys([*self.reads, *self.after, *self.after_failed, *inside]))


@dataclass(frozen=True)
class TriggerNode:
    """What starts the pipeline automatically."""

    config: AnyTrigger
    target: Target
    """The one of the pipeline's targets that it starts."""
    model_package_group: str | None = None
    """Of an approved model: the group of its versions."""


@dataclass(frozen=True)
class PipelineGraph:
    """A pipeline that is known to be sound: every name resolves and there is no cycle."""

    pipeline: Pipeline
    steps: tuple[StepNode, ...]
    remarks: tuple[Problem, ...] = ()
    """What is declared and changes nothing, and volumes without a key."""
    triggers: tuple[TriggerNode, ...] = ()

    @property
    def name(self) -> str:
        return self.pipeline.config.pipeline_name

    @property
    def models(self) -> tuple[Model, ...]:
        """The models whose steps it runs, in the order of the pipeline section."""
        return tuple({node.model.name: node.model for node in self.steps}.values())

    def node(self, name: str) -> StepNode:
        """Return the step of this name; the graph has it."""
        return self._by_name[name]

    def on_branch(self, branch: Branch) -> tuple[StepNode, ...]:
        """Return the steps on one side of a Condition step, in the order of the graph; none of a loop's."""
        return tuple(node for node in self.steps if node.branch == branch and node.loop is None)

    def in_loop(self, loop: str) -> tuple[StepNode, ...]:
        """Return the steps that a ForEach step runs, in the order of the graph."""
        return tuple(node for node in self.steps if node.loop == loop)

    @cached_property
    def _by_name(self) -> dict[str, StepNode]:
        return {node.name: node for node in self.steps}

    @property
    def notes(self) -> tuple[Problem, ...]:
        """Remarks about what is valid and may still fail."""
        if len(self.name) <= SAFE_NAME_CHARACTERS:
            return self.remarks
        path = ("sagemakerPipeline", "pipelineName")
        return (
            *self.remarks,
            Problem(
                f"a name of {len(self.name)} characters has been reported to fail at execution",
                self.pipeline.locate(*path),
                dotted(("conf", *path)),
                hint=f"keep it to {SAFE_NAME_CHARACTERS} characters",
            ),
        )

    def at_step(self, node: StepNode, problem: Problem) -> Problem:
        """Add its step and the step's place to a problem that has no place."""
        if problem.location is not None:
            return problem
        steps = self.pipeline.config.models[node.model.name].steps
        names = [step.step_name for step in steps]
        index = names.index(node.copy_of or node.name)
        path = ("sagemakerPipeline", "models", node.model.name, "steps", index)
        return replace(
            problem,
            reason=f"step {node.name}: {problem.reason}",
            location=self.pipeline.locate(*path),
            path=dotted(("conf", *path)),
        )

    def in_order(self) -> Iterator[StepNode]:
        """Yield each step after all it reads or waits for; ties keep the order as written."""
        nodes = {node.name: node for node in self.steps}
        for name in topological({name: node.waits for name, node in nodes.items()}):
            yield nodes[name]


def configured_name(emitted: str) -> str:
    """Return the name in the configuration of a step whose name in the definition is given."""
    for suffix in ("-RepackModel-0", "-CreateModel", "-RegisterModel"):
        emitted = emitted.removesuffix(suffix)
    return emitted


def model_package_group_name(pipeline: Pipeline, model: Model) -> str:
    """Return the group that a model registers into: its own name for it, or `<projectName>-<model>`."""
    registry = model.config.registry
    if registry is not None and registry.model_package_group_name:
        return registry.model_package_group_name
    return f"{pipeline.project_name}-{model.name}"
