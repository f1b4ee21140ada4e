"""The states of one step in their place: what they are, and where each leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smp.definition.compiled import Json
from smp.definition.step_types import REGISTER_MODEL
from smp.export.stepfunctions.jsonata import INPUT, code, literal, record, rendered
from smp.export.stepfunctions.names import state_name
from smp.export.stepfunctions.outcomes import COMPLETED, FAILED, NO, YES, Known
from smp.export.stepfunctions.retries import job_retries
from smp.export.stepfunctions.scope import Link, Scope
from smp.export.stepfunctions.states import (
    OUTCOME,
    REASON,
    check_state,
    condition,
    failure_output,
    group_states,
    has_failed,
    is_tried_again,
    key_of,
    paths_read,
    pause_seconds,
    read_state,
    recorded,
    uncertain_keys,
    work_state,
)
from smp.export.stepfunctions.step_types import State, call_of, handling
from smp.export.workflow import PropertyFile, Task

FAILURE = "A step failed"
"""The state that ends a state machine as failed."""


@dataclass(frozen=True)
class StepStates:
    """The states of one step, in its place."""

    task: Task
    used: tuple[str, ...]
    known: Known
    links: Mapping[str, Link]
    scope: Scope
    tells_stopped: bool
    """Whether another step asks if this one was stopped."""

    def make(self) -> Link:
        """Make them and return where to begin."""
        match handling(self.task):
            case State.CHOICE:
                state = self._choice()
            case State.FAIL:
                state = self._fail()
            case _:
                state = self._work()
        self.scope.states[self.task.name] = state
        link = Link(self.scope, self.task.name)
        if self.task.type is REGISTER_MODEL:
            link = self._group(link)
        return self._reading(link)

    def _work(self) -> Json:
        return {
            **work_state(self.task, self.used),
            **self._caught(self._after_failure()),
            **self.links[COMPLETED].next(),
        }

    def _choice(self) -> Json:
        def rule(outcome: str) -> Json:
            return {"Output": code(recorded(self.task.name, {OUTCOME: outcome}))}

        holds = code(condition(self.task.arguments["Conditions"]))
        choices = [{"Condition": holds, **rule("true"), "Next": self.links[YES].state()}]
        return {
            "Type": "Choice",
            "Choices": choices,
            **rule("false"),
            "Default": self.links[NO].state(),
        }

    def _fail(self) -> Json:
        """Return the end of the execution, or a note of it where something else has yet to run."""
        message = self.task.arguments.get("ErrorMessage", "the Fail step was reached")
        link = self.links[FAILED]
        if link.to == FAILURE:
            text = code(rendered(message)) if isinstance(message, dict) else message
            return {"Type": "Fail", "Error": self.task.name, "Cause": text}
        kept = {REASON: rendered(message)}
        return {
            "Type": "Pass",
            "Output": code(recorded(self.task.name, kept)),
            **link.next(),
        }

    def _reading(self, link: Link) -> Link:
        """Put what reads property files, and proves that properties are there, before the first state."""
        known = self.known.read
        if keys := [key for key in uncertain_keys(self.task) if key not in known]:
            link = self._check(keys, link)
        for file in reversed(self.task.reads):
            if paths := [
                path for path in paths_read(self.task, file) if key_of(file, path) not in known
            ]:
                link = self._read(file, paths, link)
        return link

    def _check(self, keys: list[tuple[str, str]], link: Link) -> Link:
        """Make the state that asks whether earlier steps gave all values that this one reads."""
        there, failed = check_state(self.task, keys)
        name = state_name(self.task.name, "are its values there?")
        self.scope.states[name] = {
            "Type": "Choice",
            "Choices": [{"Condition": code(there), "Next": link.state(), "Output": code(INPUT)}],
            "Output": code(failed),
            "Default": self.links[FAILED].state(),
        }
        return Link(self.scope, name)

    def _read(self, file: PropertyFile, paths: list[str], link: Link) -> Link:
        """Make the states that read values, and ask whether all were there."""
        failed = self.links[FAILED].state()
        asked = state_name(self.task.name, f"is {file.name} complete?")
        name = state_name(self.task.name, f"read {file.name}")
        self.scope.states[asked] = {
            "Type": "Choice",
            "Choices": [{"Condition": code(has_failed(self.task.name)), "Next": failed}],
            "Default": link.state(),
        }
        self.scope.states[name] = {
            **read_state(self.task.name, file, paths),
            **self._caught(failed),
            "Next": asked,
        }
        return Link(self.scope, name)

    def _group(self, link: Link) -> Link:
        """Put what makes sure of the model package group before the registration."""
        look, make = group_states(self.task)
        missing = state_name(self.task.name, "make the group")
        name = state_name(self.task.name, "is there a group?")
        self.scope.states[missing] = {
            **make,
            **self._caught(self.links[FAILED].state()),
            **link.next(),
        }
        catch = {"ErrorEquals": ["States.ALL"], "Output": code(INPUT), "Next": missing}
        self.scope.states[name] = {**look, "Catch": [catch], **link.next()}
        return Link(self.scope, name)

    def _after_failure(self) -> str:
        """Make the states that start a job again, and return where a failure leads."""
        link = self.links[FAILED]
        retries = job_retries(self.task)
        rules = self._done()
        if not retries and not rules:
            return link.state()
        for number, retry in enumerate(retries, start=1):
            purpose = "wait" if len(retries) == 1 else f"wait {number}"
            name = state_name(self.task.name, purpose)
            pause = pause_seconds(self.task, retry)
            self.scope.states[name] = {"Type": "Wait", "Seconds": pause, "Next": self.task.name}
            rules.append({"Condition": code(is_tried_again(self.task, retry)), "Next": name})
        name = state_name(self.task.name, "again?")
        self.scope.states[name] = {"Type": "Choice", "Choices": rules, "Default": link.state()}
        return name

    def _done(self) -> list[Json]:
        """Return the rule by which a refused call counts as made: what it asks for is so already."""
        text = call_of(self.task).done_if
        if text is None:
            return []
        holds = f"$contains({record(self.task.name)}.{REASON}, {literal(text)})"
        forgotten = {"Output": code(recorded(self.task.name, {}))}
        return [{"Condition": code(holds), **forgotten, "Next": self.links[COMPLETED].state()}]

    def _caught(self, to: str) -> Json:
        output = failure_output(self.task, self.tells_stopped)
        return {"Catch": [{"ErrorEquals": ["States.ALL"], "Output": code(output), "Next": to}]}
