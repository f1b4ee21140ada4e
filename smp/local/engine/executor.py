"""Schedules the steps of a run: independent ones at once, each after all it waits for.

A failing step stops its dependents, not its siblings.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from smp.definition.compiled import Json
from smp.definition.step_types import FOR_EACH, row_of
from smp.errors import SmpError
from smp.local.engine.loop_run import LoopRun, begin_loop
from smp.local.engine.plan import Plan
from smp.local.engine.step_runner import StepRunner
from smp.local.store.run_store import FAILED, SKIPPED, STOPPED, SUCCEEDED, StepRecord

POLL_SECONDS = 0.5


class Executor:
    """Runs a plan. `records` holds the steps that have ended, also those of a resumed run."""

    def __init__(self, plan: Plan, runner: StepRunner, done: Mapping[str, StepRecord]) -> None:
        self.plan = plan
        self.runner = runner
        self.records = dict(done)
        self.steps = dict(plan.steps)
        """The steps by name, with those of iterations that have begun."""
        self._upstream = dict(plan.upstream)
        self._loops: dict[str, LoopRun] = {}
        """The loops that have begun and not ended."""
        self._loop_of: dict[str, str] = {}
        for name, record in done.items():
            if record.status == SUCCEEDED:
                runner.scope.steps[name] = record.result

    def execute(self) -> str:
        """Run every step that can run and return the run's status.

        A first Ctrl-C ends the jobs as the service would, a second one at once. Raises OSError, with no
        job left running, where the records cannot be written.
        """
        waiting = [name for name in self.plan.run if name not in self.records]
        running: dict[Future[StepRecord], str] = {}
        with ThreadPoolExecutor(self._most_at_once) as pool:
            try:
                while waiting or running:
                    self._start_ready(waiting, running, pool)
                    self._collect(running)
                    self._end_loops()
            except KeyboardInterrupt:
                self._stop(running)
                self._stop_loops()
            except BaseException:
                self.runner.stop.set()
                raise
        return self._status(waiting)

    @property
    def _most_at_once(self) -> int:
        return max(1, self.runner.options.jobs)

    def _collect(self, running: dict[Future[StepRecord], str]) -> None:
        finished, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in finished:
            self._finish(running.pop(future), future.result())

    def _stop(self, running: dict[Future[StepRecord], str]) -> None:
        self.runner.stop.set()
        grace = f"{self.runner.options.grace_seconds:g} s"
        said = False
        while running:
            try:
                if not said:
                    said = True
                    self.runner.on_note(
                        f"stopping: jobs have {grace} to end; Ctrl-C again ends them now"
                    )
                self._collect(running)
            except KeyboardInterrupt:
                self.runner.stop.at_once = True

    def _start_ready(
        self,
        waiting: list[str],
        running: dict[Future[StepRecord], str],
        pool: ThreadPoolExecutor,
    ) -> None:
        for name in list(waiting):
            verdict = self._verdict(name)
            is_loop = self.steps[name]["Type"] == FOR_EACH.name
            if verdict == "wait" or (
                verdict == "run" and not is_loop and self._is_full(name, running)
            ):
                continue
            waiting.remove(name)
            if verdict != "run":
                self._skip(name, verdict)
            elif is_loop:
                self._begin_loop(name, waiting)
            else:
                running[pool.submit(self.runner.execute, self.steps[name])] = name
        self._end_loops()

    def _is_full(self, name: str, running: Mapping[Future[StepRecord], str]) -> bool:
        """Tell whether a step has to wait for others to end: those of the run, or of its loop."""
        if len(running) >= self._most_at_once:
            return True
        loop = self._loop_of.get(name)
        if loop is None:
            return False
        beside = sum(1 for other in running.values() if self._loop_of.get(other) == loop)
        return beside >= self._loops[loop].max_concurrency

    def _begin_loop(self, name: str, waiting: list[str]) -> None:
        """Put the steps of a loop's iterations among those that wait."""
        try:
            loop = begin_loop(self.runner, self.steps[name], self._upstream)
        except SmpError as error:
            now = time.time()
            self._end(StepRecord(name, FOR_EACH.name, FAILED, now, now, reason=str(error)))
            return
        self._loops[name] = loop
        for step in loop.steps:
            self.steps[step["Name"]] = step
            self._loop_of[step["Name"]] = name
            if step["Name"] not in self.records:
                waiting.append(step["Name"])
        self._upstream.update(loop.upstream)

    def _end_loops(self) -> None:
        """End the loops whose iterations have all ended."""
        for name, loop in list(self._loops.items()):
            if all(step["Name"] in self.records for step in loop.steps):
                del self._loops[name]
                self._end(loop.outcome(self.records))

    def _stop_loops(self) -> None:
        """End the loops of a run that was stopped: nothing continues with them."""
        for loop in self._loops.values():
            self._end(loop.outcome(self.records))
        self._loops.clear()

    def _end(self, record: StepRecord) -> None:
        self.runner.run.write_step(record)
        self.runner.on_change(record)
        self._finish(record.name, record)

    def _verdict(self, name: str) -> str:
        """Return `run`, `wait`, or why the step will not run."""
        if self.runner.stop.is_set():
            return "the run was stopped"
        branch = self.plan.branch_of.get(name)
        if branch is not None and branch[0] in self.records:
            condition = self.records[branch[0]]
            taken = "IfSteps" if condition.result.get("Outcome") else "ElseSteps"
            if condition.status == SUCCEEDED and taken != branch[1]:
                return f"{branch[0]} took the other branch"
        triggers = _triggers(self.steps[name])
        for above in self._upstream[name]:
            record = self.records.get(above)
            if record is None:
                return "wait"
            if not _satisfied(record.status, triggers.get(above, "Completed")):
                return f"{above}, which it waits for, ended as {record.status}"
        return "run"

    def _skip(self, name: str, reason: str) -> None:
        now = time.time()
        record = StepRecord(name, row_of(self.steps[name]).name, SKIPPED, now, now, reason=reason)
        self.runner.run.write_step(record)
        self.runner.on_change(record)
        self.records[name] = record

    def _finish(self, name: str, record: StepRecord) -> None:
        self.records[name] = record
        if record.status == SUCCEEDED:
            self.runner.scope.steps[name] = record.result

    def _status(self, left: list[str]) -> str:
        statuses = {self.records[name].status for name in self.plan.run if name in self.records}
        if self.runner.stop.is_set() or left or STOPPED in statuses:
            return STOPPED
        return FAILED if FAILED in statuses else SUCCEEDED


def _triggers(step: Json) -> dict[str, str]:
    """Return the trigger of each explicit dependency; plain names mean Completed."""
    return {
        item["Step"]: item.get("Trigger", "Completed")
        for item in step.get("DependsOn", [])
        if isinstance(item, dict)
    }


def _satisfied(status: str, trigger: str) -> bool:
    wanted: Any = {
        "Completed": (SUCCEEDED,),
        "Failed": (FAILED,),
        "Stopped": (STOPPED,),
        "Any": (SUCCEEDED, FAILED, STOPPED),
    }
    return status in wanted[trigger]
