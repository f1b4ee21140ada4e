"""Decides, before anything starts, which steps of a definition run here and what each waits for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.step_types import Refused, row_of
from smp.definition.unroll_loops import loops_of
from smp.errors import Problem, RunError, near_names
from smp.local.engine.step_support import refuse_unrunnable
from smp.local.jobs.kinds import handling


@dataclass(frozen=True)
class Plan:
    """The steps to run and those whose earlier results are used."""

    steps: Mapping[str, Json]
    upstream: Mapping[str, tuple[str, ...]]
    run: tuple[str, ...]
    """Names to run, each after all it waits for."""
    reuse: tuple[str, ...]
    """Names whose results an earlier run must have."""
    branch_of: Mapping[str, tuple[str, str]]
    """For a step inside a condition: the Condition step, and `IfSteps` or `ElseSteps`."""
    in_loops: tuple[str, ...] = ()
    """Names of the steps that loops of the run hold: their iterations run, under names of their own."""

    @property
    def jobs(self) -> tuple[str, ...]:
        """Names of all steps whose work is done in this run."""
        return (*self.run, *self.in_loops)


def plan_run(compiled: CompiledPipeline, only: str | None = None, start: str | None = None) -> Plan:
    """Plan a run of all steps, of one, or of one and all after it; raises RunError."""
    steps = {step["Name"]: step for step in compiled.steps()}
    branch_of = _branches(compiled.definition["Steps"])
    loops = loops_of(steps.values())
    upstream = _around_loops(compiled.edges(), loops)
    for name in (only, start):
        _refuse_inside(compiled, name, loops)
        if name is not None and name not in steps:
            raise RunError(
                [
                    Problem(
                        f"'{name}' is not a step of {compiled.name}",
                        allowed=", ".join(steps),
                        hint=_meant(name, steps),
                    )
                ]
            )
    chosen = _chosen(compiled, upstream, only, start)
    order = tuple(name for name in compiled.order() if name in chosen and name not in loops)
    inside = tuple(name for name, loop in loops.items() if loop in order)
    refuse_unrunnable(compiled, [steps[name] for name in (*order, *inside)])
    upstream = _without_outsiders(steps, upstream, chosen)
    needed = {above for name in order for above in upstream[name]} - set(order)
    return Plan(steps, upstream, order, tuple(sorted(needed)), branch_of, inside)


def _meant(name: str, steps: Iterable[str]) -> str | None:
    """Ask whether a step was meant that a configured step of the name became, else one of a near name."""
    emitted = [repr(step) for step in steps if step.startswith(f"{name}-")]
    return f"did you mean {' or '.join(emitted[:2])}?" if emitted else near_names(name, steps)


def _refuse_inside(compiled: CompiledPipeline, name: str | None, loops: Mapping[str, str]) -> None:
    if name is not None and name in loops:
        problem = Problem(
            f"'{name}' of {compiled.name} runs once for each item of '{loops[name]}'",
            hint=f"name the loop: {loops[name]}",
        )
        raise RunError([problem])


def _around_loops(
    upstream: Mapping[str, tuple[str, ...]], loops: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return what each step waits for, where a loop waits for all that its steps wait for outside it."""
    found = {name: set(above) for name, above in upstream.items()}
    for name, loop in loops.items():
        found[loop] |= {above for above in upstream[name] if loops.get(above) != loop} - {loop}
    return {name: tuple(sorted(above)) for name, above in found.items()}


def _without_outsiders(
    steps: Mapping[str, Json], upstream: Mapping[str, tuple[str, ...]], chosen: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return what each step waits for, without steps that are gone around and have no results."""
    outside = {
        name
        for name, step in steps.items()
        if isinstance(handling(step), Refused) and not row_of(step).is_read and name not in chosen
    }
    return {
        name: tuple(other for other in above if other not in outside)
        for name, above in upstream.items()
    }


def _branches(steps: Iterable[Json]) -> dict[str, tuple[str, str]]:
    found = {}
    for step in steps:
        for branch in ("IfSteps", "ElseSteps"):
            inner = step.get("Arguments", {}).get(branch, []) if step["Type"] == "Condition" else []
            for nested in inner:
                found[nested["Name"]] = (step["Name"], branch)
            found.update(_branches(inner))
    return found


def _chosen(
    compiled: CompiledPipeline,
    upstream: Mapping[str, tuple[str, ...]],
    only: str | None,
    start: str | None,
) -> set[str]:
    if only is not None:
        return {only}
    if start is None:
        return set(upstream)
    chosen = {start}
    for name in compiled.order():
        if chosen.intersection(upstream[name]):
            chosen.add(name)
    return chosen
