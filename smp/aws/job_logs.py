"""The log of a deployed step: what its job wrote to CloudWatch Logs, all streams in order of time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from smp.aws.executions import Step
from smp.aws.jobs import job_call
from smp.aws.service_errors import explained, is_missing, service_error
from smp.definition.step_types import TUNING_JOB
from smp.errors import Problem, RunError


@dataclass(frozen=True)
class Line:
    """One event of a log."""

    milliseconds: int
    stream: str
    """The stream without the job's name, such as `algo-1-1700000000`."""
    text: str


class JobLog:
    """Reads the log of one step's job; each call of `lines` continues where the last one ended."""

    def __init__(self, logs: Any, step: Step, job: str | None, trial: str | None = None) -> None:
        """`trial` is the end of a tuning step's trial name, or the beginning of that end.

        Raises RunError for a step that runs no job, and for a trial of a step that has none.
        """
        call = job_call(step)
        if call is None or call.log_group is None or job is None:
            raise RunError([_no_job(step)])
        is_tuning = call is TUNING_JOB
        if trial and not is_tuning:
            raise RunError(f"{step.name} has no trials: it is not a tuning step")
        self._logs = logs
        self._step = step
        self.group = call.log_group
        self.prefix = f"{job}-{trial or ''}" if is_tuning else f"{job}/"
        self._tokens: dict[str, str | None] = {}

    def lines(self) -> Iterator[Line]:
        """Yield what was written since the last call, in order of time over all streams."""
        for name in self._streams():
            self._tokens.setdefault(name, None)
        yield from heapq.merge(
            *(self._events(name) for name in list(self._tokens)),
            key=lambda line: line.milliseconds,
        )

    @property
    def has_several(self) -> bool:
        """Whether the job writes more than one stream, as several instances do."""
        return len(self._tokens) > 1

    def _streams(self) -> list[str]:
        request = {"logGroupName": self.group, "logStreamNamePrefix": self.prefix}
        try:
            pages = self._logs.get_paginator("describe_log_streams").paginate(**request)
            return [item["logStreamName"] for page in pages for item in page["logStreams"]]
        except ClientError as error:
            if is_missing(error):
                return []
            raise service_error(error, f"read the log of {self._step.name}") from error
        except BotoCoreError as error:
            raise service_error(error, f"read the log of {self._step.name}") from error

    def _events(self, stream: str) -> Iterator[Line]:
        """Yield a stream's new events; its end is where the service gives the same token again."""
        shown = stream.removeprefix(self.prefix)
        while True:
            token = self._tokens[stream]
            request = {"nextToken": token} if token else {}
            with explained(f"read the log of {self._step.name}"):
                page = self._logs.get_log_events(
                    logGroupName=self.group,
                    logStreamName=stream,
                    startFromHead=True,
                    **request,
                )
            for event in page["events"]:
                yield Line(event["timestamp"], shown, event["message"].rstrip("\n"))
            self._tokens[stream] = page["nextForwardToken"]
            if page["nextForwardToken"] == token:
                return


def follow(log: JobLog, has_ended: Callable[[], bool], interval: float) -> Iterator[Line]:
    """Yield the lines of a log until its job has ended and nothing new comes."""
    while True:
        ended = has_ended()
        yield from log.lines()
        if ended:
            return
        time.sleep(interval)


def no_log(log: JobLog, step: Step) -> RunError:
    """Return the error for a job that has written nothing."""
    hint = "a job writes its first line when its container starts; try again, or add --follow"
    if step.ended is not None:
        hint = "the job ended before its container started: smp status shows why it failed"
    reason = f"{step.name} ({step.status}) has no log yet"
    return RunError([Problem(reason, found=f"{log.group}, streams {log.prefix}*", hint=hint)])


def _no_job(step: Step) -> Problem:
    if step.reused_from:
        hint = f"its result is of an earlier execution: add --execution {step.reused_from}"
        return Problem(f"{step.name} ran no job in this execution", hint=hint)
    kind = f" (it is a {step.kind} step)" if step.kind else ""
    return Problem(
        f"{step.name} runs no job that writes a log{kind}", hint="smp status shows its result"
    )
