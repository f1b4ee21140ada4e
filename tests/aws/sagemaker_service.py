"""What the AWS emulator lacks of SageMaker: executions that take their steps one after the other.

Each look at an execution's steps moves it on by one. How steps end stands in the definition's metadata:
`{"emulated": {STEP: {"FailureReason": …, "JobFailureReason": …, "hangs": true, "reused": ARN}},
"failing_calls": N}`, the last one for an outage at the beginning.
Never used outside the emulator's own process: it patches moto.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

Json = dict[str, Any]

PAGE = 3
"""Items a page, so that every listing has several."""

JOBS = {"Training": "training-job", "Processing": "processing-job", "Transform": "transform-job"}
KINDS = {"Training": "TrainingJob", "Processing": "ProcessingJob", "Transform": "TransformJob"}

_lock = threading.RLock()
_start = SageMakerModelBackend.start_pipeline_execution
_describe_execution = SageMakerModelBackend.describe_pipeline_execution
_job_reasons: dict[str, str] = {}


class ResourceNotFound(JsonRESTError):  # type: ignore[misc]  # noqa: N818
    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("ResourceNotFound", message)


class ConflictException(JsonRESTError):  # type: ignore[misc]  # noqa: N818
    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("ConflictException", message)


class ServiceUnavailable(JsonRESTError):  # type: ignore[misc]  # noqa: N818
    code = 503

    def __init__(self, message: str) -> None:
        super().__init__("ServiceUnavailable", message)


def install() -> None:
    """Patch the server in this process. Once, before the first request."""
    backend, response = SageMakerModelBackend, SageMakerResponse
    backend.start_pipeline_execution = _start_execution
    backend.describe_pipeline_execution = _describe
    response.list_pipeline_executions = _list_executions
    response.list_pipeline_execution_steps = _list_steps
    response.stop_pipeline_execution = _stop
    response.describe_pipeline = _known(response.describe_pipeline)
    response.start_pipeline_execution = _known(response.start_pipeline_execution)
    response.describe_training_job = _job("TrainingJob")
    response.describe_processing_job = _job("ProcessingJob")


def _known(method: Any) -> Any:
    """Answer for a pipeline that does not exist as the service does."""

    def known(response: SageMakerResponse) -> Any:
        name = response._get_param("PipelineName")
        if name not in response.sagemaker_backend.pipelines:
            raise ResourceNotFound(f"Pipeline '{name}' does not exist.")
        return method(response)

    return known


def _start_execution(
    backend: SageMakerModelBackend,
    pipeline_name: str,
    pipeline_execution_display_name: str,
    pipeline_parameters: Any,
    pipeline_execution_description: str,
    parallelism_configuration: Any,
    client_request_token: str,
) -> Json:
    """Start once for each token: with another request it conflicts."""
    request = (pipeline_execution_display_name, pipeline_parameters, pipeline_execution_description)
    with _lock:
        for arn, execution in backend.pipelines[pipeline_name].pipeline_executions.items():
            if execution.client_request_token == client_request_token:
                if execution.request != request:
                    raise ConflictException("the token was used with another request")
                return {"PipelineExecutionArn": arn}
        answer: Json = _start(
            backend,
            pipeline_name,
            pipeline_execution_display_name,
            pipeline_parameters or [],
            pipeline_execution_description,
            parallelism_configuration,
            client_request_token,
        )
        arn = answer["PipelineExecutionArn"]
        execution = backend.pipelines[pipeline_name].pipeline_executions[arn]
        execution.request = request
        execution.pipeline_execution_status = "Executing"
        execution.steps = []
        definition = json.loads(execution.pipeline_definition_for_execution)
        execution.failing_calls = definition.get("Metadata", {}).get("failing_calls", 0)
    return answer


def _describe(backend: SageMakerModelBackend, pipeline_execution_arn: str) -> Json:
    described: Json = _describe_execution(backend, pipeline_execution_arn)
    execution = _execution(backend, pipeline_execution_arn)
    described["FailureReason"] = execution.pipeline_execution_failure_reason
    return described


def _list_executions(response: SageMakerResponse) -> ActionResult:
    with _lock:
        listed = response.sagemaker_backend.list_pipeline_executions(
            response._get_param("PipelineName")
        )["PipelineExecutionSummaries"]
    return _page(response, "PipelineExecutionSummaries", listed[::-1])


def _list_steps(response: SageMakerResponse) -> ActionResult:
    arn = response._get_param("PipelineExecutionArn")
    with _lock:
        execution = _execution(response.sagemaker_backend, arn)
        if execution.failing_calls:
            execution.failing_calls -= 1
            raise ServiceUnavailable("come back later")
        if not response._get_param("NextToken"):
            _move_on(execution)
        listed = [dict(step) for step in execution.steps]
    return _page(response, "PipelineExecutionSteps", listed)


def _stop(response: SageMakerResponse) -> ActionResult:
    arn = response._get_param("PipelineExecutionArn")
    with _lock:
        execution = _execution(response.sagemaker_backend, arn)
        execution.pipeline_execution_status = "Stopped"
        execution.last_modified_time = utcnow()
        for step in execution.steps:
            if step["StepStatus"] == "Executing":
                step.update({"StepStatus": "Stopped", "EndTime": utcnow()})
    return ActionResult({"PipelineExecutionArn": arn})


def _job(kind: str) -> Any:
    def describe(response: SageMakerResponse) -> ActionResult:
        name = response._get_param(f"{kind}Name")
        found = next((job for job in _job_reasons if job.lower() == name.lower()), None)
        if found is None:
            raise ResourceNotFound(f"Could not find requested job with name: {name}")
        return ActionResult({f"{kind}Name": found, "FailureReason": _job_reasons[found]})

    return describe


def _execution(backend: SageMakerModelBackend, arn: str) -> Any:
    for pipeline in backend.pipelines.values():
        if arn in pipeline.pipeline_executions:
            return pipeline.pipeline_executions[arn]
    raise ResourceNotFound(f"Pipeline execution '{arn}' does not exist.")


def _move_on(execution: Any) -> None:
    if execution.pipeline_execution_status != "Executing":
        return
    definition = json.loads(execution.pipeline_definition_for_execution)
    emulated = definition.get("Metadata", {}).get("emulated", {})
    last = execution.steps[-1] if execution.steps else None
    if last and last["StepStatus"] == "Executing":
        _end(execution, last, emulated.get(last["StepName"], {}))
    elif len(execution.steps) < len(definition["Steps"]):
        step = definition["Steps"][len(execution.steps)]
        execution.steps.append(_begun(execution, step, emulated.get(step["Name"], {})))
    else:
        _finish(execution, "Succeeded", None)


def _begun(execution: Any, step: Json, script: Json) -> Json:
    begun = {
        "StepName": step["Name"],
        "StartTime": utcnow(),
        "StepStatus": "Executing",
        "AttemptCount": 1,
    }
    if step["Type"] in KINDS:
        prefix, _, _, region, account, rest = execution.arn.split(":", 5)
        job = f"pipelines-{rest.rpartition('/')[2]}-{step['Name']}-Ab1"
        _job_reasons[job] = script.get("JobFailureReason", "")
        arn = f"{prefix}:aws:sagemaker:{region}:{account}:{JOBS[step['Type']]}/{job.lower()}"
        begun["Metadata"] = {KINDS[step["Type"]]: {"Arn": arn}}
    if "reused" in script:
        begun["CacheHitResult"] = {"SourcePipelineExecutionArn": script["reused"]}
    return begun


def _end(execution: Any, step: Json, script: Json) -> None:
    if script.get("hangs"):
        return
    reason = script.get("FailureReason")
    failed = reason is not None
    step.update({"StepStatus": "Failed" if failed else "Succeeded", "EndTime": utcnow()})
    if failed:
        step["FailureReason"] = reason
        _finish(execution, "Failed", "Step failure: One or multiple steps failed.")


def _finish(execution: Any, status: str, reason: str | None) -> None:
    execution.pipeline_execution_status = status
    execution.pipeline_execution_failure_reason = reason
    execution.last_modified_time = utcnow()


def _page(response: SageMakerResponse, key: str, items: list[Json]) -> ActionResult:
    begin = int(response._get_param("NextToken") or 0)
    page = {key: items[begin : begin + PAGE]}
    if begin + PAGE < len(items):
        page["NextToken"] = str(begin + PAGE)  # type: ignore[assignment]
    return ActionResult(page)
