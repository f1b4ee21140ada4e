"""What DAGs have in common that start a SageMaker pipeline and follow its execution.

Only the first task changes anything, and the last one if it is stopped. The tasks between them read.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
from smp_airflow import (
    CHECK_INTERVAL,
    CONNECTION,
    LONGEST_JOB,
    Context,
    parameters_of,
    run_identity,
)

try:  # Airflow 3
    from airflow.sdk import BaseOperator, BaseSensorOperator, PokeReturnValue
except ImportError:  # Airflow 2
    from airflow.models.baseoperator import BaseOperator
    from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
try:  # Airflow 3.1 and later
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
except ImportError:
    from airflow.exceptions import AirflowFailException, AirflowSkipException

__all__ = ["ExecutionEnd", "ExecutionStart", "FollowedStep"]

START = "execution.start"
"""The task whose result is the ARN of the execution. The name of a step has no dot."""
RETRIES = {"retries": 5, "retry_delay": timedelta(seconds=30)}
"""For outages of the service: a retry never starts a second execution."""
FINAL = ("Failed", "Stopped", "Succeeded")
REFUSALS = ("ResourceNotFound", "ValidationException", "AccessDeniedException")
"""Errors that another attempt does not change."""


def _client() -> Any:
    return SageMakerHook(aws_conn_id=CONNECTION).get_conn()


def _code(error: Exception) -> str:
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


class ExecutionStart(BaseOperator):
    """Starts the pipeline once for each run; its result is the ARN of the execution.

    All attempts send the same token, so the service starts one execution for them. Clearing the task is the
    wish for another execution: an earlier one of the same run that is still in progress is stopped first.
    """

    def __init__(
        self, *, pipeline_name: str, parameters: Sequence[str] = (), **options: Any
    ) -> None:
        super().__init__(**{**RETRIES, **options})
        self.pipeline_name = pipeline_name
        self.parameters = tuple(parameters)

    def execute(self, context: Context) -> str:
        client = _client()
        key = hashlib.sha256(run_identity(context).encode()).hexdigest()
        clears = self._clears(context)
        base = _name(context["run_id"], key)
        if clears:
            self._stop_earlier(client, base, f"{base}-{clears}")
        request = {
            "PipelineName": self.pipeline_name,
            "PipelineExecutionDisplayName": f"{base}-{clears}",
            "PipelineExecutionDescription": f"Airflow: {context['ti'].dag_id} {context['run_id']}"[
                :3072
            ],
            "PipelineParameters": self._values(context),
            "ClientRequestToken": hashlib.sha256(f"{key} {clears}".encode()).hexdigest(),
        }
        try:
            arn = str(client.start_pipeline_execution(**request)["PipelineExecutionArn"])
        except Exception as error:
            if _code(error) in REFUSALS:
                raise AirflowFailException(
                    f"{self.pipeline_name} cannot be started: {error}"
                ) from error
            raise
        self.log.info("Started %s", arn)
        return arn

    def _clears(self, context: Context) -> int:
        """Return how many attempts were made before the task was last cleared; retries do not count."""
        return max(0, (context["ti"].max_tries or 0) - (self.retries or 0))

    def _values(self, context: Context) -> list[dict[str, str]]:
        """Return the run's parameters as the service takes them: texts."""
        values = parameters_of(context)
        return [
            {
                "Name": name,
                "Value": values[name]
                if isinstance(values[name], str)
                else json.dumps(values[name]),
            }
            for name in self.parameters
        ]

    def _stop_earlier(self, client: Any, base: str, current: str) -> None:
        pages = client.get_paginator("list_pipeline_executions").paginate(
            PipelineName=self.pipeline_name, SortBy="CreationTime", SortOrder="Descending"
        )
        for page in pages:
            for found in page["PipelineExecutionSummaries"]:
                name = found.get("PipelineExecutionDisplayName", "")
                earlier = name.startswith(f"{base}-") and name != current
                if earlier and found["PipelineExecutionStatus"] == "Executing":
                    self.log.info("Stops %s, which the cleared task started", name)
                    _stop(client, found["PipelineExecutionArn"])


def _name(run_id: str, key: str) -> str:
    """Return the beginning of a display name; with the number that follows at most 82 characters."""
    words = re.sub("[^A-Za-z0-9]+", "-", run_id).strip("-")[:50].strip("-")
    return f"{words or 'run'}-{key[:16]}"


def _stop(client: Any, arn: str) -> None:
    token = hashlib.sha256(f"stop {arn}".encode()).hexdigest()
    try:
        client.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token)
    except Exception as error:
        if _code(error) not in ("ValidationException", "ConflictException"):
            raise  # these two mean that it has ended or is being stopped


class FollowedStep(BaseSensorOperator):
    """Shows what became of one step. It changes nothing, and occupies no worker while it waits.

    A step that the execution did not reach is skipped. The result is the service's description of the step.
    """

    def __init__(self, *, condition: str = "", outcome: bool = True, **options: Any) -> None:
        """`condition` and `outcome`: the Condition step that it is a branch of, and which branch."""
        waiting = {
            "mode": "reschedule",
            "poke_interval": max(CHECK_INTERVAL, 1),
            "timeout": LONGEST_JOB.total_seconds(),
            "trigger_rule": "all_done",
        }
        super().__init__(**{**RETRIES, **waiting, **options})
        self.condition = condition
        self.outcome = outcome

    def poke(self, context: Context) -> Any:
        arn = context["ti"].xcom_pull(task_ids=START)
        if not arn:
            raise AirflowSkipException("the pipeline was not started")
        client = _client()
        # The status comes first: the steps of an execution that has ended do not change any more.
        execution = client.describe_pipeline_execution(PipelineExecutionArn=arn)
        steps = {step["StepName"]: step for step in _steps(client, arn)}
        step = steps.get(self.task_id)
        has_ended = execution["PipelineExecutionStatus"] in FINAL
        if step is None:
            if has_ended or self._other_branch(steps):
                raise AirflowSkipException("the execution does not run this step")
            return False
        if step["StepStatus"] not in FINAL:
            if has_ended:
                raise AirflowFailException(f"{self.task_id} did not end: {step['StepStatus']}")
            return False
        return self._ended(step)

    def _other_branch(self, steps: Mapping[str, Any]) -> bool:
        metadata = steps.get(self.condition, {}).get("Metadata", {})
        found = str(metadata.get("Condition", {}).get("Outcome", "")).lower()
        return found in ("true", "false") and (found == "true") != self.outcome

    def _ended(self, step: Mapping[str, Any]) -> Any:
        self.log.info("%s", json.dumps(step, indent=2, default=str))
        if step["StepStatus"] != "Succeeded":
            reason = step.get("FailureReason", step["StepStatus"])
            raise AirflowFailException(f"{self.task_id} failed: {reason}")
        return PokeReturnValue(True, json.loads(json.dumps(step, default=str)))


def _steps(client: Any, arn: str) -> Iterator[Mapping[str, Any]]:
    pages = client.get_paginator("list_pipeline_execution_steps")
    for page in pages.paginate(PipelineExecutionArn=arn):
        yield from page["PipelineExecutionSteps"]


class ExecutionEnd(BaseOperator):
    """Waits for the end of the execution, which decides how the run ends. Stopped, it stops the execution.

    It runs in a worker as long as the execution: a task that waits elsewhere is not asked to stop anything.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**RETRIES, **options})
        self._arn = ""

    @cached_property
    def client(self) -> Any:
        return _client()

    def execute(self, context: Context) -> Any:
        self._arn = str(context["ti"].xcom_pull(task_ids=START) or "")
        if not self._arn:
            raise AirflowFailException("the pipeline was not started")
        while True:
            found = self.client.describe_pipeline_execution(PipelineExecutionArn=self._arn)
            if found["PipelineExecutionStatus"] in FINAL:
                break
            time.sleep(max(CHECK_INTERVAL, 0.05))
        status = found["PipelineExecutionStatus"]
        if status != "Succeeded":
            reason = found.get("FailureReason", "no reason was given")
            raise AirflowFailException(f"{self._arn} ended as {status}: {reason}")
        return self._arn

    def on_kill(self) -> None:
        """Stop the execution of a task that is stopped."""
        if self._arn:
            self.log.info("Stops %s", self._arn)
            _stop(self.client, self._arn)
