"""Runs a Transform step: a model's inference server and the batch client beside it, in one sandbox."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from smp.definition.compiled import Json
from smp.errors import Problem
from smp.local.jobs.archive import unpack
from smp.local.jobs.container import directories, host_names, inside
from smp.local.jobs.context import (
    StepContext,
    StepFailure,
    raise_unless_succeeded,
    read_failure_file,
)
from smp.local.jobs.model import containers, find_model, model_data_uri
from smp.local.sandbox.base import Job
from smp.local.sandbox.process import Ended, run_job
from smp.local.serving import container as serving
from smp.local.serving.container.plan import Plan

SERVING, PACKAGE = "/opt/ml/serving", "smp_serving"
INPUT, OUTPUT = "/opt/ml/batch/input", "/opt/ml/batch/output"
CODE = "/opt/ml/code"
LAYOUT = ("/opt/ml/model", "/opt/ml/output", SERVING, INPUT, OUTPUT)
MAX_SECONDS = 5 * 24 * 3600.0
"""A transform request has no limit of its own; the service ends jobs after five days."""


def run_transform(context: StepContext) -> dict[str, Any]:
    """Run the job and return its DescribeTransformJob answer.

    Output objects are uploaded for the input objects that went through, also where others failed.
    """
    started = time.time()
    arguments = context.arguments
    container = _container(context)
    plan = _plan(arguments)
    hosts = host_names(int(arguments["TransformResources"]["InstanceCount"]))
    places = {host: context.directory / host / "ml" for host in hosts}
    busy = [
        host
        for index, host in enumerate(hosts)
        if _fetch_input(context, places[host], (index, len(hosts)))
    ]
    for host in busy:
        _lay_out(context, container, plan, places[host])
    with ThreadPoolExecutor(max(1, len(busy))) as pool:
        endings = list(
            pool.map(lambda host: _run(context, container, places[host], host, hosts), busy)
        )
    for host, ended in zip(busy, endings, strict=True):
        if not ended.stopped:
            target = arguments["TransformOutput"]["S3OutputPath"]
            context.store.put_tree(inside(places[host], OUTPUT), target)
    for host, ended in zip(busy, endings, strict=True):
        _raise_unless_succeeded(ended, places[host])
        _warn_of_lost_rows(context, plan, places[host])
    return {
        **arguments,
        "TransformJobName": context.job_name,
        "TransformJobArn": context.arn("transform-job"),
        "TransformJobStatus": "Completed",
        "CreationTime": started,
        "TransformStartTime": started,
        "TransformEndTime": time.time(),
    }


def _container(context: StepContext) -> Json:
    """Return the model's container, which must serve by a script of its own."""
    name = str(context.arguments["ModelName"])
    found = containers(find_model(context.places, name))
    if len(found) != 1 or found[0].get("Mode") == "MultiModel":
        raise StepFailure(
            f"the model '{name}' is not one container with one model, which is all that transforms "
            "here can run"
        )
    if context.stand_in is not None:
        program = {"SAGEMAKER_PROGRAM": context.stand_in.script, "SAGEMAKER_SUBMIT_DIRECTORY": CODE}
        return {**found[0], "Environment": {**found[0].get("Environment", {}), **program}}
    if "SAGEMAKER_PROGRAM" not in found[0].get("Environment", {}):
        raise StepFailure(
            [
                Problem(
                    f"the model '{name}' has no inference script: its image "
                    f"{found[0].get('Image', '(none)')} brings its own server, which cannot run here",
                    hint="give the model an entry_point in its transform section: a script with "
                    "model_fn, and input_fn, predict_fn, output_fn where the defaults do not do; or, "
                    "where the image is to serve it on SageMaker, the same as local_stand_in",
                )
            ]
        )
    return found[0]


def _plan(arguments: Mapping[str, Any]) -> Plan:
    source, target = arguments["TransformInput"], arguments["TransformOutput"]
    client = arguments.get("ModelClientConfig", {})
    processing = arguments.get("DataProcessing", {})
    concurrent = arguments.get("MaxConcurrentTransforms")
    payload = arguments.get("MaxPayloadInMB")
    plan = Plan(
        input=INPUT,
        output=OUTPUT,
        content_type=source.get("ContentType"),
        accept=target.get("Accept"),
        compressed=source.get("CompressionType") == "Gzip",
        split=source.get("SplitType", "None"),
        strategy=arguments.get("BatchStrategy"),
        assemble=target.get("AssembleWith", "None"),
        max_payload_mb=None if payload is None else int(payload),
        max_concurrent=int(concurrent) if concurrent else None,
        timeout_seconds=int(client.get("InvocationsTimeoutInSeconds", 600)),
        max_retries=int(client.get("InvocationsMaxRetries", 3)),
        input_filter=processing.get("InputFilter", "$"),
        output_filter=processing.get("OutputFilter", "$"),
        join=processing.get("JoinSource", "None") == "Input",
    )
    faults = list(plan.faults())
    if faults:
        raise StepFailure([Problem(fault) for fault in faults])
    return plan


def _fetch_input(context: StepContext, place: Path, shard: tuple[int, int]) -> int:
    """Copy a host's share of the input objects; return how many there are."""
    source = context.arguments["TransformInput"]["DataSource"]["S3DataSource"]
    sharded = {**source, "S3DataDistributionType": "ShardedByS3Key"}
    return context.inputs.fetch(sharded, inside(place, INPUT), shard)


def _lay_out(context: StepContext, container: Json, plan: Plan, place: Path) -> None:
    directories(place, LAYOUT)
    plan.write(inside(place, SERVING))
    shutil.copytree(
        Path(serving.__file__).parent,
        inside(place, SERVING) / PACKAGE,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    uri = model_data_uri(container)
    if uri is not None:
        _place_artifact(context, uri, inside(place, "/opt/ml/model"))
    if context.stand_in is not None:
        context.inputs.place_tree(context.stand_in.code, inside(place, CODE))
    submitted = container["Environment"].get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if submitted.startswith("s3://"):
        _place_artifact(context, submitted, inside(place, "/opt/ml/code"))


def _place_artifact(context: StepContext, uri: str, directory: Path) -> None:
    """Unpack an archive, or copy the files of a prefix."""
    file = context.store.path_of(uri)
    if not file.is_file():
        context.inputs.fetch({"S3Uri": uri}, directory)
        return
    try:
        unpack(file, directory)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise StepFailure(f"{uri} cannot be unpacked: {error}") from error


def _run(
    context: StepContext, container: Json, place: Path, host: str, hosts: tuple[str, ...]
) -> Ended:
    is_isolated = find_model(context.places, str(context.arguments["ModelName"])).get(
        "EnableNetworkIsolation"
    )
    job = Job(
        command=("python3", "-m", PACKAGE, SERVING),
        environment=_environment(context.arguments, container),
        opt_ml=place,
        python=context.python,
        host=host,
        hosts=hosts,
        network=context.network and not is_isolated,
        image=container.get("Image"),
    )
    return run_job(
        context.sandbox,
        job,
        context.log,
        max_seconds=MAX_SECONDS,
        grace_seconds=context.grace_seconds,
        stop=context.stop,
        on_line=context.on_line,
    )


def _warn_of_lost_rows(context: StepContext, plan: Plan, place: Path) -> None:
    """Warn of each object whose output has fewer lines than its input, where both are in lines."""
    if plan.split != "Line" or plan.assemble != "Line":
        return
    source, target = inside(place, INPUT), inside(place, OUTPUT)
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        name = file.relative_to(source).as_posix()
        answer = target / f"{name}.out"
        if not answer.is_file():
            continue
        with gzip.open(file) if plan.compressed else file.open("rb") as lines:
            given = sum(1 for line in lines if line.strip())
        with answer.open("rb") as lines:
            answered = sum(1 for line in lines if line.strip())
        if answered < given:
            context.warn(f"the model answered {answered:,} of {given:,} rows of {name}")


def _environment(arguments: Mapping[str, Any], container: Json) -> dict[str, str]:
    """Return the container's variables: the model's, the job's, and what the service adds."""
    given = {**container["Environment"], **arguments.get("Environment", {})}
    if given.get("SAGEMAKER_SUBMIT_DIRECTORY", "").startswith("s3://"):
        given["SAGEMAKER_SUBMIT_DIRECTORY"] = CODE
    added = {"SAGEMAKER_BATCH": "true"}
    strategies = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}
    if "BatchStrategy" in arguments:
        added["SAGEMAKER_BATCH_STRATEGY"] = strategies[arguments["BatchStrategy"]]
    if "MaxPayloadInMB" in arguments:
        added["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(arguments["MaxPayloadInMB"])
    if "MaxConcurrentTransforms" in arguments:
        added["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(arguments["MaxConcurrentTransforms"])
    path = ":".join(part for part in (SERVING, given.get("PYTHONPATH")) if part)
    return {**given, **added, "PYTHONPATH": path}


def _raise_unless_succeeded(ended: Ended, place: Path) -> None:
    failure = read_failure_file(place, "/opt/ml/output/failure")
    if ended.exit_code and not (ended.stopped or ended.timed_out) and failure:
        raise StepFailure(f"AlgorithmError: {failure}")
    raise_unless_succeeded(ended, MAX_SECONDS, "")
