"""What DAGs that `smp export airflow` writes have in common: expressions, operators, registration.

It never knows a pipeline. It runs on Airflow 2.11 and 3, and needs nothing beside the Amazon provider.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import pendulum
from airflow.configuration import conf
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerBaseOperator,
    SageMakerModelOperator,
    SageMakerProcessingOperator,
    SageMakerTrainingOperator,
    SageMakerTransformOperator,
    SageMakerTuningOperator,
)

try:  # Airflow 3
    from airflow.sdk import DAG, BaseOperator, Param, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.param import Param
try:  # Airflow 3.1 and later
    from airflow.sdk import CronTriggerTimetable
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
except ImportError:
    from airflow.exceptions import AirflowFailException, AirflowSkipException
    from airflow.timetables.trigger import CronTriggerTimetable

__all__ = [
    "DAG",
    "ApprovedModelOperator",
    "Arguments",
    "DeleteModelOperator",
    "FailOperator",
    "FunctionOperator",
    "Get",
    "JobName",
    "Join",
    "JsonGet",
    "ModelOperator",
    "Param",
    "ProcessingOperator",
    "RegisterModelOperator",
    "TrainingOperator",
    "TransformOperator",
    "TuningOperator",
    "any_failure",
    "cron",
    "not_before",
    "only_after",
    "read_values",
    "resolve",
    "task",
]

CONNECTION = conf.get("smp", "aws_conn_id", fallback="aws_default")
"""The Airflow connection of all calls: `AIRFLOW__SMP__AWS_CONN_ID` names another one."""
CHECK_INTERVAL = conf.getint("smp", "check_interval", fallback=30)
"""The seconds between two looks at a job: `AIRFLOW__SMP__CHECK_INTERVAL`."""
LONGEST_JOB = timedelta(days=28)
"""How long a deferred task waits; the operators themselves give up much earlier."""
RETRY_BY_FACTOR = not isinstance(
    inspect.signature(BaseOperator.__init__).parameters["retry_exponential_backoff"].default, bool
)
"""Whether this Airflow takes a rate for the wait between tries; the others double it."""

FIRST_RUN_WINDOW = timedelta(minutes=1)
"""How late the first run of a schedule may be. Any time before that was before the deployment."""

Context = Mapping[str, Any]


class MissingValueError(Exception):
    """What a deployment has to say is not said."""


if "run_immediately" in inspect.signature(CronTriggerTimetable.__init__).parameters:

    def cron(times: str, timezone_name: str) -> Any:
        """Return a schedule whose first run is the next of its times, as EventBridge has it.

        Airflow itself begins with the latest one before the DAG was there.
        """
        return CronTriggerTimetable(times, timezone=timezone_name, run_immediately=FIRST_RUN_WINDOW)

else:  # Airflow 2 asks the DAG, whenever it reads the file
    from airflow.timetables.base import TimeRestriction

    class DAG(DAG):  # type: ignore[no-redef,misc]
        """A DAG whose schedule begins with the next of its times; Airflow 2 wants a start of each."""

        def __init__(
            self, dag_id: str, *, start_date: datetime | None = None, **options: Any
        ) -> None:
            start = start_date or pendulum.datetime(2025, 1, 1)
            super().__init__(dag_id, start_date=start, **options)

        def next_dagrun_info(self, last_automated_dagrun: Any, **options: Any) -> Any:
            if last_automated_dagrun is not None or not isinstance(
                self.timetable, CronTriggerTimetable
            ):
                return super().next_dagrun_info(last_automated_dagrun, **options)
            given = self._time_restriction
            begins = pendulum.now("UTC") - FIRST_RUN_WINDOW
            earliest = max(given.earliest, begins) if given.earliest else begins
            return self.timetable.next_dagrun_info(
                last_automated_data_interval=None,
                restriction=TimeRestriction(earliest, given.latest, catchup=True),
            )

    def cron(times: str, timezone_name: str) -> Any:
        """Return a schedule by cron."""
        return CronTriggerTimetable(times, timezone=timezone_name)


def not_before(instant: str) -> datetime | None:
    """Return when a schedule begins, None once that is past: a start in the past is caught up."""
    begins = pendulum.parse(instant)
    return begins if begins > pendulum.now("UTC") else None


def read_values(dag_file: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the deployment's values of these names, from `<DAG file>_values.json` beside the file."""
    place = Path(dag_file).with_name(f"{Path(dag_file).stem}_values.json")
    given = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    found = {name: _plain(given.get(name)) for name in names}
    missing = [name for name, value in found.items() if not value or "${smp:" in str(value)]
    if missing:
        raise MissingValueError(f"{place.name} gives no value for: {', '.join(missing)}")
    return found


def _plain(given: Any) -> Any:
    return given.get("value") if isinstance(given, dict) else given


@dataclass(frozen=True)
class Get:
    """A value that a run knows: `Parameters.NAME`, `Execution.NAME`, or `Steps.STEP.PROPERTY` of a job."""

    reference: str

    def value(self, context: Context) -> Any:
        kind, _, rest = self.reference.partition(".")
        if kind == "Parameters":
            return parameters_of(context)[rest]
        if kind == "Execution":
            return _execution(context)[rest]
        step, _, path = rest.partition(".")
        description = context["ti"].xcom_pull(task_ids=step)
        if description is None:
            raise AirflowFailException(f"{self.reference} is read, but {step} did not run")
        return _lookup(description, path, step)


@dataclass(frozen=True)
class Join:
    """Texts, numbers and expressions, as one text."""

    on: str
    values: tuple[Any, ...]

    def __init__(self, on: str, *values: Any) -> None:
        object.__setattr__(self, "on", on)
        object.__setattr__(self, "values", values)

    def value(self, context: Context) -> str:
        return self.on.join(_text(resolve(item, context)) for item in self.values)


@dataclass(frozen=True)
class JsonGet:
    """A value in a JSON file that a job wrote to S3."""

    location: Any
    path: str

    def value(self, context: Context) -> Any:
        location = resolve(self.location, context)
        bucket, key = S3Hook.parse_s3_url(location)
        content = json.loads(S3Hook(CONNECTION).read_key(key, bucket), parse_constant=_not_finite)
        return _lookup(content, self.path, location)


@dataclass(frozen=True)
class JobName:
    """A name that no other Airflow, run, task or attempt has; it begins with `base`."""

    base: str

    def value(self, context: Context) -> str:
        instance = context["ti"]
        run = f"{run_identity(context)} {instance.task_id} {getattr(instance, 'map_index', -1)}"
        number = int(hashlib.sha256(run.encode()).hexdigest(), 16)
        digest = "".join(DIGITS[number // 36**place % 36] for place in range(8))
        return f"{self.base}-{digest}-{instance.try_number}"


class Arguments:
    """The members of a request, with expressions that are resolved when the task runs; types are kept."""

    def __init__(
        self,
        members: Mapping[str, Any] | None = None,
        /,
        after: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        self.members = {**(members or {}), **more}
        self.after = after or {}

    def __call__(self, context: Context, jinja_env: Any = None) -> Any:  # noqa: ARG002  Airflow's signature
        only_after(context, self.after)
        return resolve(self.members, context)

    def __repr__(self) -> str:
        return json.dumps(self.serialize(), indent=2)

    def serialize(self) -> Any:
        """Return what Airflow shows of it: the same for every parse of the file."""
        return json.loads(json.dumps(self.members, default=repr))


class TextArguments(Arguments):
    """Arguments that are handed on as one JSON text."""

    def __call__(self, context: Context, jinja_env: Any = None) -> str:
        return json.dumps(super().__call__(context, jinja_env))


DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
ADDRESS = conf.get("api", "base_url", fallback=None) or conf.get(
    "webserver", "base_url", fallback=""
)


def run_identity(context: Context) -> str:
    """Return what no other run has, also not one of the same id on another Airflow or after a deletion."""
    run = context["dag_run"]
    began = getattr(run, "start_date", None)
    return f"{ADDRESS} {run.dag_id} {run.run_id} {began.isoformat() if began else ''}"


def resolve(value: Any, context: Context) -> Any:
    """Return a value with every expression in it resolved for a run."""
    if isinstance(value, (Get, Join, JsonGet, JobName)):
        return value.value(context)
    if isinstance(value, Mapping):
        return {key: resolve(item, context) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(item, context) for item in value]
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def parameters_of(context: Context) -> dict[str, Any]:
    """Return the run's parameters: those of a run that a schedule makes are the schedule's.

    That is a scheduled run or a backfill. What a backfill is started with has precedence.
    """
    run = context["dag_run"]
    scheduled = (context["dag"].user_defined_macros or {}).get("scheduled_parameters", {})
    if _state(getattr(run, "run_type", None)) not in ("scheduled", "backfill"):
        scheduled = {}
    given = getattr(run, "conf", None) or {}
    return {
        **context["params"],
        **{name: value for name, value in scheduled.items() if name not in given},
    }


def _execution(context: Context) -> dict[str, str]:
    dag, run = context["dag"].dag_id, context["run_id"]
    identifier = re.sub("[^A-Za-z0-9]+", "-", run).strip("-")
    if len(identifier) > 100:
        identifier = f"{identifier[:80]}-{hashlib.sha256(run.encode()).hexdigest()[:12]}"
    started = getattr(context["dag_run"], "start_date", None)
    now = datetime.now(timezone.utc)  # noqa: UP017  Airflow 2 runs on Python 3.10, too
    return {
        "PipelineName": dag,
        "PipelineArn": f"airflow:{dag}",
        "PipelineExecutionId": identifier,
        "PipelineExecutionArn": f"airflow:{dag}/{run}",
        "StartDateTime": _instant(started or now),
        "CurrentDateTime": _instant(now),
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: UP017


_PART = re.compile(r"\.?([^.\[\]]+)|\[(?:'([^']*)'|\"([^\"]*)\"|(\d+))\]")
_NAMES = ("MetricName", "OutputName", "InputName", "ChannelName")


def _lookup(value: Any, path: str, what: str) -> Any:
    """Follow `a.b['c'][0]`; an item of a list is found by its place or by its name."""
    for name, single, double, index in _PART.findall(path.removeprefix("$")):
        part = int(index) if index else name or single or double
        try:
            value = _named(value, part) if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, StopIteration):
            raise AirflowFailException(f"{what} has no {part!r} (of {path}): {value}") from None
    if value is None:
        raise AirflowFailException(f"{path} of {what} is null: a step reads it and needs a value")
    return value


def _not_finite(text: str) -> None:
    raise AirflowFailException(
        f"a report has {text}, which is not JSON: write a number or leave it out"
    )


def _named(items: Sequence[Any], part: str | int) -> Any:
    if isinstance(part, int):
        return items[part]
    return next(item for item in items if part in [item.get(name) for name in _NAMES])


def only_after(context: Context, wanted: Mapping[str, str]) -> None:
    """Skip the task unless each step ended as it has to: Completed, Failed, or Any of the two."""
    endings = {"Completed": {"success"}, "Failed": {"failed"}, "Any": {"success", "failed"}}
    states = _states(context, list(wanted)) if wanted else {}
    for step, ending in wanted.items():
        if states.get(step) not in endings[ending]:
            raise AirflowSkipException(f"{step} is {states.get(step)}, this is for {ending}")


def _states(context: Context, steps: list[str]) -> dict[str, str | None]:
    instance, run = context["ti"], context["run_id"]
    if hasattr(instance, "get_task_states"):
        found = instance.get_task_states(dag_id=instance.dag_id, task_ids=steps, run_ids=[run])
        return {step: _state(state) for step, state in found.get(run, {}).items()}
    tasks = {step: context["dag_run"].get_task_instance(step) for step in steps}
    return {step: _state(task.state) for step, task in tasks.items() if task}


def _state(state: Any) -> str | None:
    return None if state is None else str(getattr(state, "value", state))


ANY_FAILURE = "any.failure"
"""The task that no step is: the name of a step has no dot."""


@task(task_id=ANY_FAILURE, trigger_rule="one_failed", retries=0)
def any_failure() -> None:
    """End the run as failed where a step failed, also where another one was there for that."""
    raise AirflowFailException("a step failed")


class StepOperator(BaseOperator):
    """A step with the retry policies of the definition: a fault that none of them names is final."""

    def __init__(self, *, retry_policies: Sequence[Mapping[str, Any]] = (), **options: Any) -> None:
        self.retry_policies = tuple(retry_policies)
        super().__init__(**{**_retries(self.retry_policies), **options})

    def execute(self, context: Context) -> Any:
        return self._judged(context, self.run_step)

    def run_step(self, context: Context) -> Any:
        """Do what the provider's operator does."""
        return inspect.unwrap(super().execute.__func__)(self, context)

    def _judged(self, context: Context, run: Callable[[Context], Any]) -> Any:
        try:
            return run(context)
        except (AirflowFailException, AirflowSkipException):
            raise
        except Exception as error:
            cause = self.cause_of(error)
            wait = self.retry_delay.total_seconds()
            named = [item for item in self.retry_policies if cause in item["ExceptionType"]]
            cleared = max(0, (context["ti"].max_tries or 0) - self.retries)
            tries = context["ti"].try_number - cleared
            if tries > max((_tries(item, wait) for item in named), default=0):
                raise AirflowFailException(f"{self.task_id} failed: {error}") from error
            self.log.info("%s may be tried again", cause)
            raise

    def cause_of(self, error: BaseException) -> str | None:
        """Return the definition's name for the kind of fault; None where it has none."""
        for fault in _chain(error):
            code, status = _answer(fault)
            if "Throttl" in code or code in ("TooManyRequestsException", "RequestLimitExceeded"):
                return "Step.THROTTLING"
            if code == "ResourceLimitExceeded":
                return "SageMaker.RESOURCE_LIMIT"
            if status >= 500 or (not code and type(fault).__module__.startswith("botocore")):
                return "Step.SERVICE_FAULT"
        return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _answer(error: BaseException) -> tuple[str, int]:
    """Return the code and the HTTP status of a service's answer, where the error is one."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return "", 0
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return str(response.get("Error", {}).get("Code", "")), int(status)


def _retries(policies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return Airflow's settings: as many tries and as long a wait as any of the policies has."""
    if not policies:
        return {"retries": 0}
    rate = max(policy["BackoffRate"] for policy in policies)
    wait = max(policy["IntervalSeconds"] for policy in policies)
    return {
        "retries": max(_tries(policy, wait) for policy in policies),
        "retry_delay": timedelta(seconds=wait),
        "retry_exponential_backoff": float(rate) if RETRY_BY_FACTOR else rate > 1,
    }


def _tries(policy: Mapping[str, Any], wait: float) -> int:
    """Return how often a policy allows another try: a number, or as many waits as fit into its time."""
    if "MaxAttempts" in policy:
        return int(policy["MaxAttempts"])
    left, tries = policy["ExpireAfterMin"] * 60, 0
    while wait <= left and tries < 100:
        left, wait, tries = left - wait, max(wait, 1) * policy["BackoffRate"], tries + 1
    return tries


class JobHook(SageMakerHook):
    """The provider's hook. SageMaker looks for a job's inputs itself, with the job's own role."""

    def check_s3_url(self, s3url: str) -> bool:  # noqa: ARG002  the provider's signature
        return True

    def check_tuning_config(self, tuning_config: dict[str, Any]) -> None:
        """Take a search over jobs without inputs, too."""


class JobOperator(StepOperator):
    """A job that is waited for: only a completed one is a success. Its description is the result."""

    kind = ""
    call = ""
    """What stands after Describe in the API's operation."""

    def __init__(self, **options: Any) -> None:
        super().__init__(aws_conn_id=CONNECTION, check_interval=CHECK_INTERVAL, **options)

    @cached_property
    def hook(self) -> JobHook:
        return JobHook(aws_conn_id=self.aws_conn_id)

    def run_step(self, context: Context) -> Any:
        return self._completed(super().run_step(context))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        complete = super().execute_complete
        return self._judged(context, lambda _: self._completed(complete(context, event)))

    def defer(self, *, trigger: Any, **options: Any) -> None:
        """Wait as long as a job may run; the provider's triggers give up after a number of looks."""
        _, given = trigger.serialize()
        limit = "waiter_max_attempts" if "waiter_max_attempts" in given else "max_attempts"
        given[limit] = int(LONGEST_JOB.total_seconds() / max(1, CHECK_INTERVAL))
        super().defer(trigger=type(trigger)(**given), **options)

    def on_kill(self) -> None:
        """Stop the job of a task that is stopped."""
        if (
            isinstance(self.config, dict)
            and self._description().get(f"{self.call}Status") == "InProgress"
        ):
            self._ask("stop")

    def cause_of(self, error: BaseException) -> str | None:
        reason = str(self._description().get("FailureReason", ""))
        if reason.startswith("CapacityError"):
            return "SageMaker.CAPACITY_ERROR"
        if reason.startswith(("InternalServerError", "InternalError")):
            return "SageMaker.JOB_INTERNAL_ERROR"
        if reason.startswith("ResourceLimitExceeded"):
            return "SageMaker.RESOURCE_LIMIT"
        self.on_kill()
        return super().cause_of(error)

    def _completed(self, result: Mapping[str, Any]) -> Any:
        description = result[self.kind]
        status = description[f"{self.call}Status"]
        if status != "Completed":
            raise AirflowFailException(f"{description[f'{self.call}Name']} ended as {status}")
        return description

    def _description(self) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._ask("describe")
        except Exception:
            return {}
        return found

    def _ask(self, verb: str) -> Any:
        member = f"{self.call}Name"
        operation = re.sub("(?<=[a-z])(?=[A-Z])", "_", self.call).lower()
        return getattr(self.hook.get_conn(), f"{verb}_{operation}")(**{member: self.config[member]})


class ProcessingOperator(JobOperator, SageMakerProcessingOperator):
    kind, call = "Processing", "ProcessingJob"


class TrainingOperator(JobOperator, SageMakerTrainingOperator):
    kind, call = "Training", "TrainingJob"


class TransformOperator(JobOperator, SageMakerTransformOperator):
    kind, call = "Transform", "TransformJob"


class TuningOperator(JobOperator, SageMakerTuningOperator):
    kind, call = "Tuning", "HyperParameterTuningJob"


class ModelOperator(StepOperator, SageMakerModelOperator):
    """Makes a model of an artefact."""

    def __init__(self, **options: Any) -> None:
        super().__init__(aws_conn_id=CONNECTION, **options)

    def run_step(self, context: Context) -> Any:
        return super().run_step(context)["Model"]


class RegisterModelOperator(StepOperator, SageMakerBaseOperator):
    """Adds a version to a model package group, which it makes where there is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(aws_conn_id=CONNECTION, **options)

    def run_step(self, context: Context) -> Any:  # noqa: ARG002  Airflow's signature
        client = self.hook.get_conn()
        if "ModelPackageGroupName" in self.config:
            self._make_group(client, self.config["ModelPackageGroupName"])
        answer = client.create_model_package(**self.config)
        self.log.info("Registered %s", answer["ModelPackageArn"])
        found = client.describe_model_package(ModelPackageName=answer["ModelPackageArn"])
        return json.loads(json.dumps({**found, "ResponseMetadata": None}, default=str))

    def _make_group(self, client: Any, name: str) -> None:
        try:
            client.describe_model_package_group(ModelPackageGroupName=name)
        except Exception as error:
            if _answer(error)[0] != "ValidationException":
                raise
            client.create_model_package_group(ModelPackageGroupName=name)


class ApprovedModelOperator(StepOperator, SageMakerBaseOperator):
    """Looks up the approved version of a model package group."""

    def __init__(self, **options: Any) -> None:
        super().__init__(aws_conn_id=CONNECTION, **options)

    def run_step(self, context: Context) -> Any:  # noqa: ARG002  Airflow's signature
        from smp_approved_model import find_approved

        store = S3Hook(CONNECTION).get_conn()
        return {"OutputParameters": find_approved(self.config, self.hook.get_conn(), store)}


class DeleteModelOperator(StepOperator, SageMakerBaseOperator):
    """Deletes a model; one that is gone is no error."""

    def __init__(self, **options: Any) -> None:
        super().__init__(aws_conn_id=CONNECTION, **options)

    def run_step(self, context: Context) -> Any:  # noqa: ARG002  Airflow's signature
        try:
            self.hook.get_conn().delete_model(**self.config)
        except Exception as error:
            if "Could not find model" not in str(error):
                raise
            return {"OutputParameters": {"Deleted": False}}
        return {"OutputParameters": {"Deleted": True}}


class FunctionOperator(StepOperator, LambdaInvokeFunctionOperator):
    """Calls a function, which answers with a JSON object."""

    def __init__(self, *, arguments: Arguments, **options: Any) -> None:
        payload = TextArguments(arguments.members, after=arguments.after)
        super().__init__(aws_conn_id=CONNECTION, payload=payload, **options)

    def run_step(self, context: Context) -> Any:
        return {"OutputParameters": json.loads(super().run_step(context))}


class FailOperator(BaseOperator):
    """Ends the run as failed."""

    template_fields = ("message",)

    def __init__(self, *, message: Arguments, **options: Any) -> None:
        super().__init__(**{"retries": 0, **options})
        self.message = message

    def execute(self, context: Context) -> None:  # noqa: ARG002  Airflow's signature
        raise AirflowFailException(str(self.message["ErrorMessage"]))
