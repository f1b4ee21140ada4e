"""Runs a Processing step: one container an instance, inputs in, outputs out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from smp.errors import RunError
from smp.local.jobs.container import directories, host_names, inside, resource_config, write_json
from smp.local.jobs.context import (
    StepContext,
    image_command,
    raise_unless_succeeded,
    read_failure_file,
)
from smp.local.sandbox.base import Job
from smp.local.sandbox.process import Ended, run_job

CONTINUOUS_SECONDS = 1.0
DEFAULT_MAX_SECONDS = 24 * 3600


def run_processing(context: StepContext) -> dict[str, Any]:
    """Run the job and return its DescribeProcessingJob answer, outputs by name."""
    arguments = context.arguments
    cluster = arguments["ProcessingResources"]["ClusterConfig"]
    hosts = host_names(int(cluster["InstanceCount"]))
    places = [context.directory / host / "ml" for host in hosts]
    for index, (host, place) in enumerate(zip(hosts, places, strict=True)):
        _lay_out(context, place, host, hosts, index)
    outputs = arguments.get("ProcessingOutputConfig", {}).get("Outputs", [])
    with _continuous_upload(context, places, outputs):
        endings = _run_all(context, hosts, places)
    limit = _max_seconds(arguments)
    for ended, place in zip(endings, places, strict=True):
        raise_unless_succeeded(ended, limit, read_failure_file(place, "/opt/ml/output/message"))
    for output in outputs:
        _upload(context, places, output)
        _warn_if_empty(context, places, output)
    return _describe(context, outputs)


def _run_all(context: StepContext, hosts: tuple[str, ...], places: list[Path]) -> list[Ended]:
    if len(hosts) == 1:
        return [_run(context, hosts[0], places[0], hosts)]
    with ThreadPoolExecutor(len(hosts)) as pool:
        return list(pool.map(lambda host, place: _run(context, host, place, hosts), hosts, places))


def _run(context: StepContext, host: str, place: Path, hosts: tuple[str, ...]) -> Ended:
    specification = context.arguments["AppSpecification"]
    command = image_command(context, specification, image=specification["ImageUri"])
    job = Job(
        command=command,
        environment={
            **context.arguments.get("Environment", {}),
            "PROCESSING_JOB_NAME": context.job_name,
            "PROCESSING_JOB_ARN": context.arn("processing-job"),
        },
        opt_ml=place,
        python=context.python,
        host=host,
        hosts=hosts,
        network=context.network,
        image=specification["ImageUri"],
        uses_image_entrypoint="ContainerEntrypoint" not in specification,
    )
    return run_job(
        context.sandbox,
        job,
        context.log,
        max_seconds=_max_seconds(context.arguments),
        grace_seconds=context.grace_seconds,
        stop=context.stop,
        on_line=context.on_line,
    )


def _lay_out(
    context: StepContext, place: Path, host: str, hosts: tuple[str, ...], index: int
) -> None:
    arguments = context.arguments
    cluster = arguments["ProcessingResources"]["ClusterConfig"]
    directories(place, ["/opt/ml/processing", "/opt/ml/output", "/opt/ml/config"])
    write_json(place / "config/processingjobconfig.json", arguments)
    write_json(
        place / "config/resourceconfig.json",
        resource_config(host, hosts, cluster["InstanceType"]),
    )
    for item in arguments.get("ProcessingInputs", []):
        source = item.get("S3Input")
        if source is None:
            raise RunError(f"input '{item['InputName']}' is not an S3 input")
        if source.get("S3InputMode") == "Pipe":
            raise RunError(f"input '{item['InputName']}' is in Pipe mode; use File mode here")
        target = inside(place, source["LocalPath"])
        context.inputs.fetch(source, target, (index, len(hosts)))
    for output in arguments.get("ProcessingOutputConfig", {}).get("Outputs", []):
        directories(place, [output["S3Output"]["LocalPath"]])


def _upload(
    context: StepContext,
    places: list[Path],
    output: Mapping[str, Any],
    on_refusal: Callable[[Exception], None] | None = None,
) -> None:
    target = output["S3Output"]
    for place in places:
        source = inside(place, target["LocalPath"])
        context.store.put_tree(source, target["S3Uri"], on_refusal=on_refusal)


def _warn_if_empty(context: StepContext, places: list[Path], output: Mapping[str, Any]) -> None:
    path = str(output["S3Output"]["LocalPath"])
    roots = [inside(place, path) for place in places]
    if not any(names for root in roots for _, _, names in os.walk(root, followlinks=True)):
        context.warn(f"the output {output['OutputName']} is empty: no file is in {path}")


@contextmanager
def _continuous_upload(
    context: StepContext, places: list[Path], outputs: list[Mapping[str, Any]]
) -> Iterator[None]:
    """Upload Continuous outputs while the job runs, and once more after it, however it ended.

    What cannot be uploaded is left out; the log says so of what is left out in the end.
    """
    continuous = [o for o in outputs if o["S3Output"].get("S3UploadMode") == "Continuous"]
    if not continuous:
        yield
        return
    done = Event()
    uploader = Thread(target=_upload_until, args=(context, places, continuous, done))
    uploader.start()
    try:
        yield
    finally:
        done.set()
        uploader.join()


def _upload_until(
    context: StepContext, places: list[Path], outputs: list[Mapping[str, Any]], done: Event
) -> None:
    def on_refusal(error: Exception) -> None:
        if last:
            context.say(f"not uploaded: {error}")

    last = False
    while not last:
        last = done.wait(CONTINUOUS_SECONDS)
        for output in outputs:
            try:
                _upload(context, places, output, on_refusal)
            except (OSError, RunError) as error:
                on_refusal(error)


def _max_seconds(arguments: Mapping[str, Any]) -> float:
    return float(
        arguments.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_MAX_SECONDS)
    )


def _describe(context: StepContext, outputs: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        **context.arguments,
        "ProcessingJobName": context.job_name,
        "ProcessingJobArn": context.arn("processing-job"),
        "ProcessingJobStatus": "Completed",
        "ProcessingOutputConfig": {
            **context.arguments.get("ProcessingOutputConfig", {}),
            "Outputs": {output["OutputName"]: output for output in outputs},
        },
    }
