"""One ForEach step of a run: begins with its items, ends with what its iterations came to."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smp.definition.compiled import Json
from smp.definition.deploy_values import substitute
from smp.definition.evaluate import resolve
from smp.definition.unroll_loops import (
    BODY,
    ITEMS,
    item_text,
    iteration_name,
    read_items,
    selected_index,
    unroll,
)
from smp.errors import SmpError
from smp.local.engine.step_runner import StepRunner
from smp.local.store.places import local_value
from smp.local.store.run_store import EXECUTING, FAILED, STOPPED, SUCCEEDED, StepRecord
from smp.text.human import counted


@dataclass(frozen=True)
class LoopRun:
    """A loop that has begun. `upstream` is what the steps of its iterations wait for."""

    record: StepRecord
    loop: Json
    items: Sequence[Any]
    steps: tuple[Json, ...]
    upstream: Mapping[str, tuple[str, ...]]

    @property
    def max_concurrency(self) -> int:
        """How many of its steps run at once at most."""
        return int(self.loop["Arguments"]["MaxConcurrency"])

    def outcome(self, records: Mapping[str, StepRecord]) -> StepRecord:
        """Return the record of the loop at its end, in the service's words.

        It succeeds where every iteration has; steps that have not ended were stopped.
        """
        found = [records.get(step["Name"]) for step in self.steps]
        states = [record.status if record is not None else STOPPED for record in found]
        status = FAILED if FAILED in states else STOPPED if STOPPED in states else SUCCEEDED
        result = {
            "Status": status,
            "InputItemCount": len(self.items),
            "TotalStepCount": len(states),
            "SucceededStepCount": states.count(SUCCEEDED),
            "FailedStepCount": states.count(FAILED),
            "StoppedStepCount": states.count(STOPPED),
        }
        ended = replace(self.record, status=status, ended=time.time(), result=result)
        if status != SUCCEEDED:
            return replace(ended, reason=_why(found, len(self.items)) or None)
        try:
            return replace(ended, result={**result, **self._results(records)})
        except (SmpError, ValueError, TypeError) as error:
            return replace(ended, status=FAILED, reason=f"no iteration can be selected: {error}")

    def _results(self, records: Mapping[str, StepRecord]) -> dict[str, Any]:
        names = [step["Name"] for step in self.loop["Arguments"][BODY]]
        outputs = [
            {name: records[iteration_name(name, index)].result for name in names}
            for index in range(len(self.items))
        ]
        found: dict[str, Any] = {"IterationOutputs": outputs}
        selected = selected_index(self.loop, outputs)
        if selected is not None:
            step, index = selected
            found["Selected"] = outputs[index][step]
            found["Selector"] = {"StepName": step, "Index": index}
        return found


def _why(found: Sequence[StepRecord | None], items: int) -> str:
    """Say how many steps of iterations failed, and why the first did."""
    failed = [record for record in found if record is not None and record.status == FAILED]
    if not failed:
        return ""
    first = failed[0]
    count = f"{counted(len(failed), 'step')} of {counted(items, 'iteration')} failed"
    return f"{count}; {first.name}: {first.reason or 'no reason is recorded'}"


def begin_loop(runner: StepRunner, loop: Json, upstream: Mapping[str, tuple[str, ...]]) -> LoopRun:
    """Write down that a loop begins, and the steps of its iterations; raises RunError for its items."""
    arguments = {key: value for key, value in loop["Arguments"].items() if key != BODY}
    filled = substitute(arguments[ITEMS], lambda name: local_value(name, runner.compiled))
    items = read_items(resolve(filled, runner.scope))
    resolved = {ITEMS: items, "MaxConcurrency": arguments["MaxConcurrency"]}
    steps: list[Json] = []
    above: dict[str, tuple[str, ...]] = {}
    inside = {step["Name"] for step in loop["Arguments"][BODY]}
    for iteration in unroll(loop, items):
        for inner, step in zip(loop["Arguments"][BODY], iteration.steps, strict=True):
            steps.append(step)
            runner.originals[step["Name"]] = inner["Name"]
            runner.items[step["Name"]] = item_text(items[iteration.index])
            above[step["Name"]] = tuple(
                iteration_name(name, iteration.index) if name in inside else name
                for name in upstream[inner["Name"]]
                if name != loop["Name"]
            )
    runner.run.insert_steps(loop["Name"], tuple(step["Name"] for step in steps))
    record = StepRecord(loop["Name"], loop["Type"], EXECUTING, time.time(), arguments=resolved)
    runner.run.write_step(record)
    runner.on_change(record)
    return LoopRun(record, loop, items, tuple(steps), above)
