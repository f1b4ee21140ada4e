"""What the AWS emulator lacks of Step Functions: JSONata, jobs that are waited for, functions, texts.

`install()` patches the interpreter in this process, once. Jobs end as `PLAN` says, waits take no time, and
`CALLS` holds every call in the order in which it was made. It never decides what a state machine does.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError
from jsonata import Jsonata
from moto.stepfunctions.parser.api import (
    EvaluationFailedEventDetails,
    HistoryEventType,
    TaskFailedEventDetails,
)
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_lambda,
    state_task_service_unsupported,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

Json = dict[str, Any]
SdkService = state_task_service_aws_sdk.StateTaskServiceAwsSdk
SageMaker = state_task_service_unsupported.StateTaskServiceUnsupported
Functions = state_task_service_lambda.StateTaskServiceLambda


@dataclass
class Call:
    """One call of a service: the state that made it, its request, and when it began and ended."""

    state: str
    action: str
    request: Json
    began: int
    ended: int = 0
    error: str | None = None


@dataclass
class Plan:
    """How the emulated services answer.

    `ends` maps a state to how its attempts end, one after the other and the last one for good: None is
    a success, `!NAME: …` a refused call, other text the FailureReason of a failed job, and `Stopped` a
    stopped job. `answers` maps a state to members of its job's description, `outputs` one that calls a
    function to what that answers; `function` answers for those without.
    """

    ends: dict[str, list[str | None]] = field(default_factory=dict)
    answers: dict[str, Json] = field(default_factory=dict)
    outputs: dict[str, Json] = field(default_factory=dict)
    function: Callable[[Json], Json] = lambda event: event
    calls: list[Call] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What could not be evaluated."""
    clock: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tick(self) -> int:
        with self.lock:
            self.clock += 1
            return self.clock

    def next_end(self, state: str) -> str | None:
        with self.lock:
            ends = self.ends.get(state) or [None]
            return ends.pop(0) if len(ends) > 1 else ends[0]


PLAN = Plan()


def begin(plan: Plan) -> None:
    """Make a plan the one that holds from now on."""
    PLAN.__dict__.update(plan.__dict__)
    plan.__dict__ = PLAN.__dict__


def install() -> None:
    """Patch the interpreter in this process."""
    StringJSONata._eval_body = _evaluated
    WaitFunction._wait_interval = _waited
    retrier_decl.time = _NoTime
    for service in (SageMaker, SdkService):
        service._eval_service_task = _called
        service._is_integration_pattern = _is_answered_at_once
        service._from_error = _refused
    Functions._eval_service_task = _invoked
    Functions._from_error = _refused
    StateChoice._eval_state = _chosen
    StateChoice._eval_state_output = _left
    _client.cache_clear()
    for name in ("moto", "werkzeug"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _chosen(self: Any, env: Any) -> None:
    """Choose, and remember whether a rule matched: what follows may be the same either way."""
    for rule in self.choices_decl.rules:
        rule.eval(env)
        outcome = env.stack.pop()
        if not isinstance(outcome, bool):
            # Step Functions evaluates a condition to true or false, and fails for anything else.
            why = f"the condition of a rule is {outcome!r}, not a Boolean"
            PLAN.faults.append(why)
            _fail(env, StatesErrorNameType.StatesQueryEvaluationError, why)
        if outcome:
            env.stack.append((True, rule.next_stmt.name))
            return
    env.stack.append((False, self.default_state.state_name))


def _left(self: Any, env: Any) -> None:
    """Put out what the rule did, or where none matched what the state says."""
    matched, name = env.stack.pop()
    if not matched and self.output:
        self.output.eval(env=env)
    env.next_state_name = name


def _waited(_: Any, *, wait_seconds: float, **_others: Any) -> None:
    PLAN.waits.append(wait_seconds)


def _is_answered_at_once(_: Any) -> bool:
    return False


class _NoTime:
    @staticmethod
    def sleep(seconds: float) -> None:
        PLAN.waits.append(seconds)


def _evaluated(self: Any, env: Any) -> None:
    states = json.loads(json.dumps(dict(env.states._states_data.items()), default=_text))
    variables = {**env.variable_store._outer_scope, **env.variable_store._inner_scope}
    try:
        found = _jsonata(self.expression, states, variables)
        if found is None and not _jsonata(f"$exists({self.expression})", states, variables):
            raise ValueError(f"The JSONata expression '{self.expression}' returned nothing")
    except Exception as error:
        PLAN.faults.append(f"{self.expression}: {error}")
        _fail(env, StatesErrorNameType.StatesQueryEvaluationError, str(error))
    env.stack.append(json.loads(json.dumps(found)))


def _text(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _jsonata(expression: str, states: Json, variables: Json) -> Any:
    code = Jsonata(expression)
    code.assign("states", states)
    for name, value in variables.items():
        code.assign(name, value)
    code.register_lambda("parse", lambda text: json.loads(text))
    code.register_lambda("uuid", lambda: str(uuid.uuid4()))
    code.register_lambda(
        "hash", lambda text, kind: hashlib.new(kind.replace("-", ""), text.encode()).hexdigest()
    )
    return code.evaluate(None)


def _fail(env: Any, kind: StatesErrorNameType, cause: str) -> None:
    name = StatesErrorName(typ=kind)
    details = EventDetails(
        evaluationFailedEventDetails=EvaluationFailedEventDetails(
            error=name.error_name, cause=cause
        )
    )
    event = FailureEvent(env, name, HistoryEventType.EvaluationFailed, details)
    raise FailureEventException(event)


def _called(
    self: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, **_: Any
) -> None:
    """Make a call of SageMaker or S3, and for `.sync` end its job."""
    state = env.states.context_object.context_object_data["State"]["Name"]
    request = json.loads(json.dumps(normalised_parameters))
    call = Call(state, self.resource.api_action, request, PLAN.tick())
    PLAN.calls.append(call)
    end = PLAN.next_end(state)
    try:
        if end is not None and end.startswith("!"):
            raise _Refused(end.removeprefix("!"))
        answer = _answer(self, resource_runtime_part, normalised_parameters)
        if self.resource.condition is not None:
            answer = _job(self, resource_runtime_part, normalised_parameters, end, state)
    except BaseException as error:
        call.error = str(error)
        raise
    finally:
        call.ended = PLAN.tick()
    env.stack.append(answer)


@lru_cache
def _client(service: str, region: str) -> Any:
    return boto_client_for(service=service, region=region, state_credentials=None)


def _answer(self: Any, part: Any, request: Json) -> Json:
    service = self._get_boto_service_name()
    client = _client("sagemaker" if isinstance(self, SageMaker) else service, part.region)
    answer = getattr(client, self._get_boto_service_action())(**request) or {}
    answer.pop("ResponseMetadata", None)
    if "Body" in answer:
        answer["Body"] = answer["Body"].read().decode()
    plain: Json = json.loads(json.dumps(answer, default=str))
    return plain


def _job(self: Any, part: Any, request: Json, end: str | None, state: str) -> Json:
    kind = self.resource.api_action.removeprefix("create")
    client = _client("sagemaker", part.region)
    describe = getattr(client, self._get_boto_service_action().replace("create", "describe"))
    described = json.loads(
        json.dumps(describe(**{f"{kind}Name": request[f"{kind}Name"]}), default=str)
    )
    described.pop("ResponseMetadata", None)
    described.update(PLAN.answers.get(state, {}))
    if end is None:
        return dict(described)
    status = "Stopped" if end == "Stopped" else "Failed"
    described.update({f"{kind}Status": status, "FailureReason": end})
    raise _Failed(json.dumps(described, separators=(",", ":")))


class _Refused(Exception):  # noqa: N818
    """A call that the service refuses: `NAME: why`."""


class _Failed(Exception):  # noqa: N818
    """A job that did not complete, as it is described."""


def _refused(self: Any, env: Any, ex: Exception) -> FailureEvent:
    if isinstance(ex, FailureEventException):
        return ex.failure_event
    own = "AmazonSageMaker" if isinstance(self, SageMaker) else "SageMaker"
    if isinstance(self, SdkService) and self.resource.api_name == "s3":
        own = "S3"
    error, cause = f"{own.removeprefix('Amazon')}.{own}Exception", str(ex)
    if isinstance(ex, _Failed):
        error = StatesErrorNameType.StatesTaskFailed.to_name()
    elif isinstance(ex, _Refused):
        error, _, cause = str(ex).partition(": ")
    elif isinstance(ex, ClientError):
        cause = ex.response["Error"]["Message"]
    else:
        error = "Emulator.Fault"
    details = TaskFailedEventDetails(
        resourceType=self._get_sfn_resource_type(),
        resource=self._get_sfn_resource(),
        error=error,
        cause=cause,
    )
    failed = StatesErrorNameType.StatesTaskFailed
    named = StatesErrorName(failed) if error == failed.to_name() else CustomErrorName(error)
    return FailureEvent(
        env,
        named,
        HistoryEventType.TaskFailed,
        EventDetails(taskFailedEventDetails=details),
    )


def _invoked(_: Any, env: Any, normalised_parameters: Any, **_others: Any) -> None:
    """Answer a call of a function by the plan's."""
    payload = normalised_parameters["Payload"]
    event = json.loads(payload) if isinstance(payload, (str, bytes)) else payload
    state = env.states.context_object.context_object_data["State"]["Name"]
    call = Call(state, "invoke", event, PLAN.tick())
    PLAN.calls.append(call)
    try:
        answer = PLAN.outputs[state] if state in PLAN.outputs else PLAN.function(event)
        env.stack.append({"Payload": answer})
    except Exception as error:
        _raise_as_function(env, error)
    finally:
        call.ended = PLAN.tick()


def _raise_as_function(env: Any, error: Exception) -> None:
    """Fail as a function does that raises: by the name of its exception, with its message as JSON."""
    kind = type(error).__name__
    details = TaskFailedEventDetails(
        resourceType="lambda",
        resource="invoke",
        error=kind,
        cause=json.dumps({"errorMessage": str(error), "errorType": kind}),
    )
    raise FailureEventException(
        FailureEvent(
            env,
            CustomErrorName(kind),
            HistoryEventType.TaskFailed,
            EventDetails(taskFailedEventDetails=details),
        )
    )
