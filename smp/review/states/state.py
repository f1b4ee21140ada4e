"""A state of the pipelines that a review compares: the working tree, a git ref, an assembly."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from smp.compiler.cache.compile_all import Compilation, compile_all
from smp.compiler.cache.store import (
    CODE_DIRECTORY,
    COMPILED_DIRECTORY,
    REVIEWED_DIRECTORY,
    compiled_in,
)
from smp.config.load import load_project
from smp.config.project import Project
from smp.config.read.files import DEFAULT_PATTERN
from smp.definition.assembly import MANIFEST, read_assembly
from smp.definition.compiled import CompiledPipeline
from smp.errors import ConfigError, Problem, SmpError, near_names
from smp.graph import PipelineGraph, build_graphs
from smp.review.states.git_ref import GitRef, find_ref

WORKING_TREE = "working tree"


@dataclass(frozen=True)
class State:
    """Pipelines by name, and what a reader calls the state.

    `knows_config` is false where the pipelines were read back from the service, which keeps nothing
    of the configs but the definition.
    """

    label: str
    pipelines: Mapping[str, CompiledPipeline]
    knows_config: bool = True
    unread: tuple[str, ...] = ()
    """What access was denied to, one text each: it is compared as if nothing of it had changed."""

    @classmethod
    def of(
        cls,
        label: str,
        pipelines: Iterable[CompiledPipeline],
        *,
        knows_config: bool = True,
        unread: Iterable[str] = (),
    ) -> State:
        """Make a state of pipelines in any order."""
        named = {pipeline.name: pipeline for pipeline in pipelines}
        return cls(label, named, knows_config, tuple(unread))


@dataclass(frozen=True)
class Workspace:
    """The place of configs, how they are found, and which environment variables they may refer to."""

    directory: Path
    pattern: str = DEFAULT_PATTERN
    environ: Mapping[str, str] = field(default_factory=dict)
    environment: str | None = None
    """The environment that configs are read for."""
    environments: tuple[str, ...] = ()
    """All environments, if known."""

    def load(self, directory: Path) -> Project:
        """Load the configs of this workspace as they are in a directory."""
        return load_project(
            directory, self.pattern, self.environ, self.environment, self.environments
        )

    @property
    def work_dir(self) -> Path:
        return self.directory / ".smp"


class ReadingState:
    """A state on its way: loaded, then compiled in the background. It ends with its `with` block."""

    def __init__(
        self,
        label: str,
        workspace: Workspace,
        graphs: Sequence[PipelineGraph] = (),
        compiled: Sequence[CompiledPipeline] = (),
        kept_in: str = COMPILED_DIRECTORY,
    ) -> None:
        self.label = label
        self._workspace = workspace
        self._graphs = graphs
        self._compiled = tuple(compiled)
        self._kept_in = compiled_in(workspace.environment, kept_in)
        self._compilation: Compilation | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all its pipelines."""
        compiled = (pipeline.name for pipeline in self._compiled)
        return (*(graph.name for graph in self._graphs), *compiled)

    def start(self, names: Collection[str] = ()) -> None:
        """Begin to compile the pipelines of these names, or all. Raises ScriptError."""
        chosen = [graph for graph in self._graphs if not names or graph.name in names]
        if chosen:
            self._compilation = compile_all(chosen, self._workspace.work_dir, self._kept_in)

    def result(self) -> State:
        """Wait for it; raises what compiling raises."""
        compilation, self._compilation = self._compilation, None
        compiled = compilation.result() if compilation else self._compiled
        return State.of(self.label, compiled)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for a compilation that nobody asked for the result of: it reads files that may go."""
        with suppress(SmpError):
            self.result()


class _AtRef(ReadingState):
    """The state of a git ref, whose files are in a directory that the `with` block removes."""

    def __init__(self, workspace: Workspace, ref: GitRef) -> None:
        self._ref = ref
        self._stack = ExitStack()
        try:
            extracted = self._stack.enter_context(ref.extracted(workspace.pattern))
            self._directory = extracted.directory.resolve()
            graphs = () if extracted.is_empty else self._graphs_in(workspace)
        except BaseException:
            self._stack.close()
            raise
        super().__init__(ref.label, workspace, graphs, kept_in=REVIEWED_DIRECTORY)

    def _graphs_in(self, workspace: Workspace) -> tuple[PipelineGraph, ...]:
        with self._named():
            return build_graphs(workspace.load(self._directory))

    def start(self, names: Collection[str] = ()) -> None:
        with self._named():
            super().start(names)

    def result(self) -> State:
        with self._named():
            return super().result()

    def __exit__(self, *details: object) -> None:
        super().__exit__(*details)
        self._stack.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name files as git names those of a ref, `HEAD:model_configs/…`, in what is raised inside."""
        try:
            yield
        except SmpError as error:
            problems = [_at_ref(problem, self._ref, self._directory) for problem in error.problems]
            raise type(error)(problems) from error


def read_working_tree(workspace: Workspace) -> ReadingState:
    """Load the pipelines as the files are now. Raises what loading raises."""
    return ReadingState(WORKING_TREE, workspace, build_graphs(workspace.load(workspace.directory)))


def read_ref(workspace: Workspace, ref: str) -> ReadingState:
    """Load the pipelines as they were at a git ref; a ref from before the first config has none.

    The files are read from the repository's objects; nothing of them is run. Raises SetupError where
    there is no such ref, and what loading raises, with the ref before each file's name.
    """
    return _AtRef(workspace, find_ref(workspace.directory, ref))


def read_assembly_state(workspace: Workspace, directory: Path) -> ReadingState:
    """Read what the app wrote into an assembly (`cdk.out`)."""
    compiled = read_assembly(directory, workspace.work_dir / CODE_DIRECTORY)
    return ReadingState(str(directory), workspace, compiled=compiled)


def is_assembly(path: Path) -> bool:
    """Whether a path is a directory with an assembly; it takes precedence over a ref of that name."""
    return (path / MANIFEST).is_file()


def check_names(names: Iterable[str], *known: Iterable[str]) -> None:
    """Raise ConfigError where a name is in none of the states."""
    there = sorted({name for some in known for name in some})
    problems = [
        Problem(
            f"there is no pipeline '{name}' in either state",
            allowed=", ".join(there) or None,
            hint=near_names(name, there),
        )
        for name in names
        if name not in there
    ]
    if problems:
        raise ConfigError(problems)


def _at_ref(problem: Problem, ref: GitRef, directory: Path) -> Problem:
    def named(text: str | None) -> str | None:
        return text and text.replace(f"{directory}/", f"{ref.name}:").replace(
            str(directory), f"{ref.name}:"
        )

    place = problem.location
    reason = named(problem.reason) or ""
    return replace(
        problem,
        reason=reason if place else f"{ref.name}: {reason}",
        location=place and replace(place, file=_file_at(place.file, ref, directory)),
        found=named(problem.found),
        allowed=named(problem.allowed),
        hint=named(problem.hint),
    )


def _file_at(file: str, ref: GitRef, directory: Path) -> str:
    return f"{ref.name}:{file.removeprefix(f'{directory}/')}"
