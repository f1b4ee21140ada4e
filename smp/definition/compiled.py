"""The compiled pipeline: the one value that deployment, local run, export and review all read.

It never imports the SageMaker SDK or the CDK, and never reads a configuration file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smp.definition.language import steps_read
from smp.definition.order import cycle_in, topological
from smp.definition.triggers import SAGEMAKER, AirflowMode, Trigger, read_triggers, write_triggers
from smp.errors import CompileError
from smp.text.messages import listed

CODE_PREFIX = "code"
"""Key prefix of every code tree in the project's bucket: `code/<sha256>/<path>`."""

EXECUTIONS_PREFIX = "executions"
"""Key prefix of what steps hand on within an execution: only this may expire by age."""

CONTAINERS = ("IfSteps", "ElseSteps", "ForEachBody")
"""Arguments of Condition and ForEach steps that hold steps."""

CURRENT_ITEM = "ForEach.CurrentItem"
"""The item of a loop's iteration, in the language of the definition."""

Json = dict[str, Any]


@dataclass(frozen=True, order=True)
class CodeFile:
    """One file of a code tree. `path` is posix and relative to the tree.

    `is_template` marks text that holds deploy-time names (`${smp:bucket}`): anyone who places the file
    puts the values in. The tree's hash is over the text with the names.
    """

    path: str
    size: int
    sha256: str
    is_template: bool = False


@dataclass(frozen=True)
class CodeTree:
    """A content-addressed set of files that jobs read from `s3://${smp:bucket}/code/<sha256>/`."""

    sha256: str
    files: tuple[CodeFile, ...]
    origin: str
    """What a reader knows it by: a source directory relative to the workspace, or `sdk drivers`."""

    @property
    def key(self) -> str:
        """The key prefix in the bucket, without a trailing slash."""
        return f"{CODE_PREFIX}/{self.sha256}"


@dataclass(frozen=True)
class StandIn:
    """A script that a local run starts where the service would start an image's own algorithm.

    Its tree is in the code store by its content, as those that the definition refers to: the value
    is the same on any machine, and a run that is resumed finds the script as it was. But the definition
    does not name it and `CompiledPipeline.code` does not list it, so no deployment uploads it.
    """

    script: str
    """Its path in the tree, which is the model's whole source directory."""
    code: CodeTree


@dataclass(frozen=True)
class ModelPackageGroup:
    """A model package group that a RegisterModel step of the pipeline writes to."""

    name: str
    description: str | None = None


@dataclass(frozen=True)
class CompiledPipeline:
    """A pipeline's definition with named deploy-time values, and everything it refers to.

    `definition` is the SageMaker pipeline definition (schema version 2020-12-01). Values that only a
    deployment knows are names in it: `${smp:NAME}` (see `smp.definition.deploy_values`); a list-valued one
    is the only item of its list. `images` maps the NAME of each `${smp:image.NAME}` to its URI by
    region. `code_store` is the directory that holds every tree as `<code_store>/<sha256>/<path>`; it
    is not part of the value's JSON.
    """

    name: str
    definition: Json
    code: tuple[CodeTree, ...]
    code_store: Path
    display_name: str | None = None
    description: str | None = None
    max_parallel_steps: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    model_package_groups: tuple[ModelPackageGroup, ...] = ()
    internet_egress: bool = False
    models: tuple[str, ...] = ()
    """Names of the configured models whose steps it runs, in the order of the pipeline section."""
    step_models: Mapping[str, str] = field(default_factory=dict)
    """The configured model that each step of the definition belongs to, by step name."""
    stand_ins: Mapping[str, StandIn] = field(default_factory=dict)
    """What a local run starts for steps whose algorithm only an image has, by step name."""
    triggers: tuple[Trigger, ...] = ()
    """What starts it automatically, including what is disabled."""
    targets: tuple[str, ...] = (SAGEMAKER,)
    """The engines that it is deployed to, of `sagemaker`, `airflow` and `stepfunctions`."""
    airflow_mode: AirflowMode = "steps"
    """Whether a DAG runs its steps or starts the pipeline of SageMaker."""

    def definition_text(self) -> str:
        """Return the definition as JSON text, the same bytes for the same pipeline."""
        return json.dumps(self.definition, indent=2, ensure_ascii=False) + "\n"

    def to_json(self) -> str:
        """Serialise everything but `code_store`."""
        value = asdict(self)
        del value["code_store"]
        value["triggers"] = write_triggers(self.triggers)
        if self.airflow_mode == "steps":
            del value["airflow_mode"]
        return json.dumps(value, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, code_store: Path) -> CompiledPipeline:
        """Read back what `to_json` wrote."""
        value = json.loads(text)
        value["code"] = tuple(_read_tree(tree) for tree in value["code"])
        value["stand_ins"] = {
            step: StandIn(stand_in["script"], _read_tree(stand_in["code"]))
            for step, stand_in in value.get("stand_ins", {}).items()
        }
        value["model_package_groups"] = tuple(
            ModelPackageGroup(**group) for group in value["model_package_groups"]
        )
        value["models"] = tuple(value["models"])
        value["triggers"] = read_triggers(value.get("triggers", []))
        value["targets"] = tuple(value.get("targets", (SAGEMAKER,)))
        return cls(code_store=code_store, **value)

    def local_code(self) -> tuple[CodeTree, ...]:
        """Return every tree of the code store that a local run may read."""
        stand_ins = {item.code.sha256: item.code for item in self.stand_ins.values()}
        return (*self.code, *stand_ins.values())

    def steps(self) -> Iterator[Json]:
        """Yield every step, those inside conditions and loops too, in the order of the definition."""
        yield from nested_steps(self.definition["Steps"])

    def triggers_of(self, target: str) -> tuple[Trigger, ...]:
        """Return the triggers that start it on a target, of those that are switched on."""
        return tuple(item for item in self.triggers if item.enabled and item.target == target)

    def edges(self) -> dict[str, tuple[str, ...]]:
        """Map each step's name to the sorted names of the steps it waits for.

        A step waits for what its `DependsOn` names, for every step that an expression in it reads, and
        inside a condition or loop for that.
        """
        return dict(_edges(self.definition["Steps"]))

    def order(self) -> tuple[str, ...]:
        """Return the step names so that each comes after all it waits for; ties keep list order.

        Raises CompileError if steps wait for each other or for one that does not exist.
        """
        edges = self.edges()
        missing = {name for upstream in edges.values() for name in upstream} - edges.keys()
        if missing:
            raise CompileError(f"steps wait for steps that do not exist: {listed(sorted(missing))}")
        cycle = cycle_in(edges)
        if cycle is not None:
            raise CompileError(f"these steps wait for each other: {' >> '.join(cycle)}")
        return topological(edges)


def _read_tree(value: Json) -> CodeTree:
    files = tuple(CodeFile(**file) for file in value["files"])
    return CodeTree(value["sha256"], files, value["origin"])


def nested_steps(steps: list[Json]) -> Iterator[Json]:
    """Yield each step of a list and, right after it, those inside it."""
    for step in steps:
        yield step
        yield from nested_steps(_inside(step))


def _inside(step: Json) -> list[Json]:
    arguments = step.get("Arguments", {})
    branches = (arguments.get(name) for name in CONTAINERS)
    return [nested for branch in branches if isinstance(branch, list) for nested in branch]


def _edges(
    steps: list[Json], container: str | None = None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for step in steps:
        upstream = _upstream(step) | ({container} if container else set())
        yield step["Name"], tuple(sorted(upstream))
        yield from _edges(_inside(step), step["Name"])


def _upstream(step: Json) -> set[str]:
    names = set()
    for dependency in step.get("DependsOn", []):
        names.add(dependency["Step"] if isinstance(dependency, dict) else dependency)
    arguments = {k: v for k, v in step.get("Arguments", {}).items() if k not in CONTAINERS}
    names.update(steps_read({**step, "DependsOn": [], "Arguments": arguments}))
    return names - {step["Name"]}
