"""Where each state leads: what runs after a success, a failure, and what did not have to run.

A step that fails stops its dependents, not its siblings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce

from smp.definition.compiled import Json
from smp.export.stepfunctions.blocks import Block, Fork, Item, plan_blocks, steps_of
from smp.export.stepfunctions.jsonata import INPUT, code, record
from smp.export.stepfunctions.names import fork_name, state_name
from smp.export.stepfunctions.outcomes import (
    COMPLETED,
    FAILED,
    NO,
    ONLY_SKIPPED,
    SKIPPED,
    STOPPED,
    YES,
    Known,
    Outcomes,
    Ways,
)
from smp.export.stepfunctions.scope import Link, Scope, in_order
from smp.export.stepfunctions.states import (
    OUTCOME,
    REASON,
    STOPPED_MEMBER,
    keys_read,
    used_properties,
)
from smp.export.stepfunctions.step_states import FAILURE, StepStates
from smp.export.stepfunctions.step_types import State, handling
from smp.export.workflow import Task, Workflow

DONE, ASKED = "All steps are done", "Did a step fail?"

REASONS = (
    f"$join($each({INPUT}, function($record, $step) "
    f"{{ $exists($record.{REASON}) ? $step & ': ' & $record.{REASON} }}), '; ')"
)
"""Why steps failed, as one text."""


Leave = Callable[[Known], Link]
"""Where to go after the last step of a block, given what is certain there."""


def render_states(
    workflow: Workflow, most_at_once: int | None = None
) -> tuple[str, dict[str, Json]]:
    """Return the first state's name, and all states that run a workflow's steps."""
    scope = Scope(DONE)
    start = _Flow(workflow).block(
        plan_blocks(workflow, most_at_once), Known(), _finish(scope), scope
    )
    return start.state(), scope.states


def _finish(scope: Scope) -> Leave:
    """Return how a state machine ends: as failed where a step failed, with every reason."""

    def leave(known: Known) -> Link:
        if not known.may_have_failed:
            return Link(scope)
        scope.states.setdefault(
            FAILURE, {"Type": "Fail", "Error": "StepFailed", "Cause": code(REASONS)}
        )
        if known.has_failed:
            return Link(scope, FAILURE)
        rule = {"Condition": code(f"$count({INPUT}.*.{REASON}) > 0"), "Next": FAILURE}
        scope.states.setdefault(
            ASKED, {"Type": "Choice", "Choices": [rule], "Default": Link(scope).state()}
        )
        return Link(scope, ASKED)

    return leave


class _Flow:
    def __init__(self, workflow: Workflow) -> None:
        self._tasks = {task.name: task for task in workflow.tasks}
        self._waits = workflow.waits_for()
        self._outcomes = Outcomes(workflow)
        self._used = used_properties(workflow)

    def block(self, items: Block, known: Known, leave: Leave, scope: Scope) -> Link:
        """Make the states of items that come one after the other, and return where to begin."""
        if not items:
            return leave(known)
        head, rest = items[0], items[1:]
        if isinstance(head, Fork):
            return self._fork(head, rest, known, leave, scope)
        if not self._outcomes.is_possible(head, known):
            return self.block(rest, known.having(head, ONLY_SKIPPED), leave, scope)
        return self._step(self._tasks[head], rest, known, leave, scope)

    def _fork(self, fork: Fork, rest: Block, known: Known, leave: Leave, scope: Scope) -> Link:
        branches = [found for branch in fork.branches if (found := self._possible(branch, known))]
        if len(branches) < 2:
            return self.block((*(branches[0] if branches else ()), *rest), known, leave, scope)
        after = known
        for branch in branches:
            after = self._outcomes.after(steps_of(branch), after)
        link = self.block(rest, after, leave, scope)
        name = fork_name(next(steps_of(branch)) for branch in branches)
        scope.states[name] = {
            "Type": "Parallel",
            "Branches": [self._branch(branch, known) for branch in branches],
            "Output": code("$merge($states.result)"),
            **link.next(),
        }
        return Link(scope, name)

    def _branch(self, branch: Block, known: Known) -> Json:
        scope = Scope(state_name(next(steps_of(branch)), "end of the branch"))
        start = self.block(branch, known, lambda _: Link(scope), scope).state()
        return {"StartAt": start, "States": in_order(start, scope.states)}

    def _possible(self, branch: Block, known: Known) -> Block:
        """Return a block without what cannot run."""
        alive = self._outcomes.possible(steps_of(branch), known)
        return tuple(item for item in branch if alive.intersection(steps_of((item,))))

    def _step(self, task: Task, rest: Block, known: Known, leave: Leave, scope: Scope) -> Link:
        unsure = self._outcomes.unsure(task.name, known)
        running = self._outcomes.running(task.name, known)
        ways = self._ways(task, running)
        if unsure:
            ways[SKIPPED] = known.having(task.name, ONLY_SKIPPED)
        links = self._continued(rest, ways, leave, scope)
        link = self._states(task, running, links, scope).make()
        return self._guarded(task, unsure, known, link, links) if unsure else link

    def _states(
        self, task: Task, running: Known, links: Mapping[str, Link], scope: Scope
    ) -> StepStates:
        asked = STOPPED in self._outcomes.ends(task.name)
        used = self._used.get(task.name, ())
        return StepStates(task, used, running, links, scope, asked)

    def _ways(self, task: Task, running: Known) -> dict[str, Known]:
        """Return how a step that runs may end, and what is certain then."""
        read = running.read | keys_read(task)
        ends = self._outcomes.ends(task.name)
        if handling(task) is State.CHOICE and read == running.read:
            ends -= {FAILED}
        ways = {
            end: Known(running.having(task.name, {end}).outcomes, read)
            for end in (COMPLETED, YES, NO)
            if end in ends
        }
        if FAILED in ends:
            ways[FAILED] = running.having(task.name, ends & {FAILED, STOPPED})
        return ways

    def _continued(
        self, rest: Block, ways: Mapping[str, Known], leave: Leave, scope: Scope
    ) -> dict[str, Link]:
        """Make what follows a step, each part once, and return where each of its ends leads."""
        own, shared = self._shares(rest, ways)
        if shared:
            ends = [self._outcomes.after(steps_of(own[way]), ways[way]) for way in ways]
            meeting = self.block(shared, reduce(Known.or_else, ends), leave, scope)
            return {
                way: self.block(own[way], known, lambda _: meeting, scope)
                for way, known in ways.items()
            }
        return {way: self.block(own[way], known, leave, scope) for way, known in ways.items()}

    def _shares(self, rest: Block, ways: Mapping[str, Known]) -> tuple[dict[str, Block], Block]:
        """Divide what follows a step into what may run after one of its ends only, and the others."""
        alive = {way: self._outcomes.possible(steps_of(rest), known) for way, known in ways.items()}
        owners = {
            item: [way for way in ways if alive[way].intersection(steps_of((item,)))]
            for item in rest
        }
        shared = {item for item, found in owners.items() if len(found) > 1}
        while moved := {
            item
            for item, found in owners.items()
            if len(found) == 1 and item not in shared and self._follows(item, shared)
        }:
            shared |= moved
        own = {
            way: tuple(item for item in rest if owners[item] == [way] and item not in shared)
            for way in ways
        }
        return own, tuple(item for item in rest if item in shared)

    def _follows(self, item: Item, others: Iterable[Item]) -> bool:
        above = {name for step in steps_of((item,)) for name in self._waits[step]}
        return bool(above.intersection(steps_of(others)))

    def _guarded(
        self,
        task: Task,
        unsure: Mapping[str, Ways],
        known: Known,
        link: Link,
        links: Mapping[str, Link],
    ) -> Link:
        """Make the state that asks whether a step's turn comes at all."""
        tests = [
            test
            for above, wanted in unsure.items()
            for test in ended(above, wanted, known.of(above))
        ]
        name = state_name(task.name, "does it run?")
        link.scope.states[name] = {
            "Type": "Choice",
            "Choices": [{"Condition": code(" and ".join(tests)), "Next": link.state()}],
            "Default": links[SKIPPED].state(),
        }
        return Link(link.scope, name)


def ended(step: str, wanted: Ways, possible: Ways) -> list[str]:
    """Return JSONata that tells whether a step has ended as wanted, given how it may have."""
    left, kept = record(step), possible & wanted
    dropped = possible - wanted
    if kept in ({YES}, {NO}):
        return [f"{left}.{OUTCOME} = {'true' if YES in kept else 'false'}"]
    tests = []
    if SKIPPED in dropped and not kept <= {FAILED, STOPPED}:
        tests.append(f"$exists({left})")
    if dropped & {FAILED, STOPPED} and not kept & {FAILED, STOPPED}:
        tests.append(f"$not($exists({left}.{REASON}))")
    if kept <= {FAILED, STOPPED} and dropped & {SKIPPED, COMPLETED, YES, NO}:
        tests.append(f"$exists({left}.{REASON})")
    if STOPPED in dropped and FAILED in kept:
        tests.append(f"$not({left}.{STOPPED_MEMBER} = true)")
    if FAILED in dropped and STOPPED in kept:
        tests.append(f"{left}.{STOPPED_MEMBER} = true")
    return tests
