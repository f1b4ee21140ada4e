"""Executions of SageMaker pipelines in the emulator: each look moves one on, as a script has it.

What moto has of executions ends at once and has no steps.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
ENDED = ("Failed", "Stopped", "Succeeded")
PAGE = 2
"""Items a page, so that every listing has several."""


class RefusedCallError(Exception):
    """The error code with which a call is refused."""


@dataclass
class Execution:
    """One execution, and how many looks were taken at it."""

    arn: str
    request: Json
    status: str = "Executing"
    steps: dict[str, Json] = field(default_factory=dict)
    looks: int = 0


@dataclass
class EmulatedExecutions:
    """Answers the calls about executions. `script` holds what each look finds newly, by the step."""

    script: Sequence[Mapping[str, Json]] = ()
    ending: tuple[str, str] = ("Succeeded", "")
    """The status after the last look of the script, and the reason."""
    hangs: bool = False
    """Whether no execution ends before it is stopped."""
    executions: list[Execution] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def answer(self, operation: str, request: Json) -> Json | None:
        """Return the answer to a call, None for one that is about something else."""
        found = getattr(self, f"_{operation}", None)
        with self._lock:
            return None if found is None else found(request)

    def _StartPipelineExecution(self, request: Json) -> Json:  # noqa: N802  the operation's name
        if request["PipelineName"] == "unknown":
            raise RefusedCallError("ResourceNotFound")
        token = request["ClientRequestToken"]
        for execution in self.executions:
            if execution.request["ClientRequestToken"] == token:
                return {"PipelineExecutionArn": execution.arn}
        name = request["PipelineName"].lower()
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:pipeline/{name}/execution/e{len(self.executions)}"
        self.executions.append(Execution(arn, request))
        return {"PipelineExecutionArn": arn}

    def _DescribePipelineExecution(self, request: Json) -> Json:  # noqa: N802
        execution = self._of(request)
        if execution.status == "Executing":
            if execution.looks < len(self.script):
                execution.steps |= self.script[execution.looks]
            elif not self.hangs:
                execution.status = self.ending[0]
            execution.looks += 1
        reason = {"FailureReason": self.ending[1]} if execution.status == "Failed" else {}
        return {
            "PipelineExecutionArn": execution.arn,
            "PipelineExecutionStatus": execution.status,
            **reason,
        }

    def _ListPipelineExecutionSteps(self, request: Json) -> Json:  # noqa: N802
        steps = [{"StepName": name, **step} for name, step in self._of(request).steps.items()]
        return _page("PipelineExecutionSteps", steps, request)

    def _ListPipelineExecutions(self, request: Json) -> Json:  # noqa: N802
        found = [
            {
                "PipelineExecutionArn": item.arn,
                "PipelineExecutionStatus": item.status,
                "PipelineExecutionDisplayName": item.request["PipelineExecutionDisplayName"],
            }
            for item in reversed(self.executions)
        ]
        return _page("PipelineExecutionSummaries", found, request)

    def _StopPipelineExecution(self, request: Json) -> Json:  # noqa: N802
        execution = self._of(request)
        if execution.status in ENDED:
            raise RefusedCallError("ValidationException")
        execution.status = "Stopped"
        return {"PipelineExecutionArn": execution.arn}

    def _of(self, request: Json) -> Execution:
        return next(e for e in self.executions if e.arn == request["PipelineExecutionArn"])


def _page(key: str, items: list[Json], request: Json) -> Json:
    begin = int(request.get("NextToken") or 0)
    more = {"NextToken": str(begin + PAGE)} if begin + PAGE < len(items) else {}
    return {key: items[begin : begin + PAGE], **more}
