"""How steps may have ended at a point of a state machine, and with that which of the others may run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from smp.export.stepfunctions.states import keys_read
from smp.export.stepfunctions.step_types import State, handling
from smp.export.workflow import Task, Workflow

COMPLETED, FAILED, STOPPED, SKIPPED, YES, NO = (
    "completed",
    "failed",
    "stopped",
    "skipped",
    "yes",
    "no",
)
"""How a step ends; a condition that was asked ends as `yes` or `no`."""

Ways = frozenset[str]

ONLY_SKIPPED = frozenset({SKIPPED})
WRONG = frozenset({FAILED, STOPPED})
WANTED: Mapping[str, Ways] = {
    "Completed": frozenset({COMPLETED, YES, NO}),
    "Failed": frozenset({FAILED}),
    "Stopped": frozenset({STOPPED}),
    "Any": frozenset({COMPLETED, YES, NO, FAILED, STOPPED}),
}
"""What an edge waits for, by its trigger."""

SIDES: Mapping[str, Ways] = {"IfSteps": frozenset({YES}), "ElseSteps": frozenset({NO})}


@dataclass(frozen=True)
class Known:
    """What is certain at a point: how each step may have ended, and what of property files was read.

    A step that is not named has not run. `read` holds (step, key) pairs.
    """

    outcomes: Mapping[str, Ways] = field(default_factory=dict)
    read: frozenset[tuple[str, str]] = frozenset()

    def of(self, step: str) -> Ways:
        """Return how a step may have ended."""
        return self.outcomes.get(step, ONLY_SKIPPED)

    def having(self, step: str, ways: Iterable[str]) -> Known:
        """Return this with one more step ended."""
        return replace(self, outcomes={**self.outcomes, step: frozenset(ways)})

    def or_else(self, other: Known) -> Known:
        """Return what is certain where two ways meet."""
        steps = [*self.outcomes, *(step for step in other.outcomes if step not in self.outcomes)]
        joined = {step: self.of(step) | other.of(step) for step in steps}
        return Known(joined, self.read & other.read)

    @property
    def may_have_failed(self) -> bool:
        """Whether a step may have failed on the way here."""
        return any(ways & WRONG for ways in self.outcomes.values())

    @property
    def has_failed(self) -> bool:
        """Whether a step has failed on every way here."""
        return any(ways <= WRONG for ways in self.outcomes.values())


class Outcomes:
    """What the tasks of a workflow wait for, and how they end."""

    def __init__(self, workflow: Workflow) -> None:
        self._tasks = {task.name: task for task in workflow.tasks}
        self._distinct = {
            edge.step
            for task in workflow.tasks
            for edge in task.upstream
            if edge.trigger in ("Failed", "Stopped")
        }

    def ends(self, step: str) -> Ways:
        """Return how a step may end once it runs. Stopped counts apart only where a step asks for it."""
        task = self._tasks[step]
        handled = handling(task)
        if handled is State.FAIL:
            return frozenset({FAILED})
        if handled is State.CHOICE:
            return frozenset({YES, NO, FAILED} if keys_read(task) else {YES, NO})
        call = task.type.call
        stops = step in self._distinct and call is not None and call.is_job
        return frozenset({COMPLETED, FAILED, *([STOPPED] if stops else [])})

    def required(self, step: str) -> dict[str, Ways]:
        """Return how the steps that a step waits for must have ended."""
        task = self._tasks[step]
        wanted: dict[str, Ways] = {}
        for above, ways in _wanted(task):
            wanted[above] = wanted.get(above, ways) & ways
        return wanted

    def required_by_all(self, part: tuple[str, ...]) -> dict[str, Ways]:
        """Return how steps outside a part must have ended for any step of it to run."""
        needs: list[dict[str, Ways]] = []
        within: dict[str, dict[str, Ways]] = {}
        for step in part:
            found: dict[str, Ways] = {}
            for above, ways in self.required(step).items():
                for name, those in {**self._all_required(above, within), above: ways}.items():
                    found[name] = found.get(name, those) & those
            within[step] = found
            needs.append(found)
        common = set.intersection(*(set(found) for found in needs)) - set(part)
        return {
            name: frozenset().union(*(found[name] for found in needs))
            for name in needs[0]
            if name in common
        }

    def _all_required(self, step: str, within: dict[str, dict[str, Ways]]) -> Mapping[str, Ways]:
        if step not in within:
            self_required: dict[str, Ways] = {}
            for above, ways in self.required(step).items():
                self_required.update(self._all_required(above, within))
                self_required[above] = ways
            within[step] = self_required
        return within[step]

    def unsure(self, step: str, known: Known) -> dict[str, Ways]:
        """Return what a step waits for and is not certain at a point."""
        return {
            above: ways
            for above, ways in self.required(step).items()
            if not known.of(above) <= ways
        }

    def is_possible(self, step: str, known: Known) -> bool:
        """Tell whether a step may run at a point."""
        return all(known.of(above) & ways for above, ways in self.required(step).items())

    def running(self, step: str, known: Known) -> Known:
        """Return what is certain once a step runs: all it waits for is as it has to be, and so on up."""
        left = [step]
        while left:
            for above, ways in self.required(left.pop()).items():
                before = known.of(above)
                if not before <= ways:
                    known = known.having(above, before & ways)
                    if SKIPPED in before:
                        left.append(above)
        return known

    def after(self, steps: Iterable[str], known: Known) -> Known:
        """Return what is certain after steps that come one after the other, whatever became of them."""
        for step in steps:
            ways: Ways = frozenset()
            if self.is_possible(step, known):
                ways = self.ends(step)
            if self.unsure(step, known):
                ways |= ONLY_SKIPPED
            known = known.having(step, ways)
        return known

    def possible(self, steps: Iterable[str], known: Known) -> set[str]:
        """Return those of steps, which come one after the other, that may run from a point on."""
        found = set()
        for step in steps:
            if self.is_possible(step, known):
                found.add(step)
            known = self.after([step], known)
        return found


def _wanted(task: Task) -> Iterator[tuple[str, Ways]]:
    for edge in task.upstream:
        yield edge.step, WANTED[edge.trigger]
    if task.side:
        yield task.side.condition, SIDES[task.side.branch]
