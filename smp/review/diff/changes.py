"""The typed values that a comparison consists of: text, markdown and JSON are all written from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from smp.definition.differences import MISSING
from smp.picture.dag import Dag


class Kind(StrEnum):
    """What happened to a pipeline, step, edge, file or setting."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


class Section(StrEnum):
    """The sections of a review, the most important first; the value is the title."""

    PERMISSIONS = "permissions"
    ROLE = "role"
    NETWORK = "network"
    ENCRYPTION = "encryption"
    PLACE = "place"
    IMAGE = "image"
    CODE = "code"
    COMMAND = "command"
    INSTANCES = "instances"
    HYPERPARAMETERS = "hyperparameters"
    ENVIRONMENT = "environment variables"
    INPUTS = "inputs"
    OUTPUTS = "outputs"
    CONDITIONS = "conditions"
    REGISTRY = "registry"
    CACHE = "cache"
    RETRIES = "retry policies"
    PARAMETERS = "parameters"
    TRIGGERS = "schedules and triggers"
    GROUPS = "model package groups"
    TAGS = "tags"
    PIPELINE = "pipeline settings"
    OTHER = "other settings"

    @property
    def rank(self) -> int:
        """Its place among the sections."""
        return list(Section).index(self)


@dataclass(frozen=True)
class Change:
    """One setting that differs; MISSING is the side that does not have it."""

    section: Section
    name: str
    before: Any
    after: Any
    path: str = ""
    """Its path in the compiled pipeline, if the name does not show it."""

    @property
    def kind(self) -> Kind:
        if self.before is MISSING:
            return Kind.ADDED
        return Kind.REMOVED if self.after is MISSING else Kind.CHANGED


@dataclass(frozen=True)
class FileChange:
    """A file of a code tree. The line counts are None for what is not a text, or is not at hand."""

    path: str
    kind: Kind
    lines_added: int | None = None
    lines_removed: int | None = None
    size_before: int | None = None
    size_after: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class CodeChange:
    """Code that differs, by what a reader knows it by; a side without it has no hashes."""

    origin: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    files: tuple[FileChange, ...]
    used_by: tuple[str, ...]
    """The steps of either side that read it; none for what only a local run uses."""

    @property
    def lines(self) -> tuple[int, int]:
        """Lines added and removed in all text files."""
        added = sum(file.lines_added or 0 for file in self.files)
        return added, sum(file.lines_removed or 0 for file in self.files)


@dataclass(frozen=True)
class StepChange:
    """A step that one side lacks, or that differs. `code` names the origins whose content changed."""

    name: str
    type: str
    kind: Kind
    changes: tuple[Change, ...]
    code: tuple[str, ...] = ()
    facts: str = ""
    """What a reader wants to know of a new or removed step: machines and image."""


@dataclass(frozen=True)
class EdgeChange:
    """What one step waits for. `before` and `after` are kinds of edge: `data`, `order`, both or none."""

    source: str
    target: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        if not self.before:
            return Kind.ADDED
        return Kind.CHANGED if self.after else Kind.REMOVED


@dataclass(frozen=True)
class PermissionChange:
    """What a role of the pipeline may newly do, or no longer."""

    role: str
    sid: str
    kind: Kind
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Any]


class Outcome(StrEnum):
    """What the next execution does with a step."""

    RUNS = "runs"
    MAY_RUN = "may run"
    HITS = "hits"


@dataclass(frozen=True)
class Prediction:
    """The cache forecast of a step. `anyway` is a step that runs in every execution."""

    step: str
    type: str
    outcome: Outcome
    reasons: tuple[str, ...]
    anyway: bool = False


@dataclass(frozen=True)
class Bound:
    """How long the jobs of one kind on one instance type run at most; None where there is no limit."""

    job: str
    instance_type: str
    hours: float | None
    price: float | None = None
    """For one instance-hour; None if no price file has it."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bounds:
    """The upper bounds of one execution before and after, by kind of job and instance type."""

    before: tuple[Bound, ...] = ()
    after: tuple[Bound, ...] = ()
    currency: str = ""
    prices_of: str = ""
    """Of which day and region the prices are; empty without a price file."""


@dataclass(frozen=True)
class ChangedDag:
    """Both DAGs as one, and what happened to each step and edge of it."""

    dag: Dag
    steps: Mapping[str, Kind]
    edges: Mapping[tuple[str, str], Kind]
    words: Mapping[str, str]
    """What changed of each changed step, as a box has room for it."""


@dataclass(frozen=True)
class PipelineChange:
    """Everything that differs in a pipeline, and what follows from it."""

    name: str
    kind: Kind
    settings: tuple[Change, ...]
    permissions: tuple[PermissionChange, ...]
    steps: tuple[StepChange, ...]
    edges: tuple[EdgeChange, ...]
    code: tuple[CodeChange, ...]
    forecast: tuple[Prediction, ...]
    bounds: Bounds
    picture: ChangedDag


@dataclass(frozen=True)
class Diff:
    """What changes from one state to another; `compared` counts the pipelines that were looked at."""

    base: str
    head: str
    compared: int
    pipelines: tuple[PipelineChange, ...]
    unread: tuple[str, ...] = ()
    """What could not be compared, because access to it was denied."""

    @property
    def is_empty(self) -> bool:
        return not self.pipelines
