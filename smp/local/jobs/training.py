"""Runs a Training step: channels in, a model artifact out."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smp.definition.notebook_jobs import is_notebook_job
from smp.errors import RunError
from smp.local.jobs.archive import pack
from smp.local.jobs.container import (
    OPT_ML,
    directories,
    host_names,
    inside,
    resource_config,
    write_json,
)
from smp.local.jobs.context import (
    StepContext,
    StepFailure,
    image_command,
    raise_unless_succeeded,
    read_failure_file,
    too_long,
)
from smp.local.jobs.script_mode import (
    CODE,
    is_own_algorithm,
    is_script_mode,
    place_source,
    script_command,
    script_environment,
)
from smp.local.sandbox.base import Job
from smp.local.sandbox.process import Ended, run_job

LAYOUT = (
    "/opt/ml/input/config",
    "/opt/ml/input/data",
    "/opt/ml/model",
    "/opt/ml/output/data",
    "/opt/ml/code",
)


def run_training(context: StepContext) -> dict[str, Any]:
    """Run the job and return its DescribeTrainingJob answer."""
    arguments = context.arguments
    _lay_out(context)
    specification = arguments["AlgorithmSpecification"]
    definitions = specification.get("MetricDefinitions", [])
    reports = not definitions and is_own_algorithm(arguments)
    scraper = MetricScraper(definitions, context.metrics, reports=reports)

    def on_line(line: str) -> None:
        scraper.read(line)
        context.on_line(line)

    limit = float(arguments["StoppingCondition"].get("MaxRuntimeInSeconds", 24 * 3600))
    ended = run_job(
        context.sandbox,
        _job(context),
        context.log,
        max_seconds=limit,
        grace_seconds=context.grace_seconds,
        stop=context.stop,
        on_line=on_line,
        tells=not _is_by_toolkit(context),
    )
    try:
        _upload_checkpoints(context)
    except (OSError, RunError) as error:
        if ended == Ended(exit_code=0):
            raise
        context.say(f"not all checkpoints were uploaded: {error}")
    if ended.timed_out and _has_model(context):
        raise StepFailure(f"{too_long(limit)}; {_saved(context)}")
    raise_unless_succeeded(
        ended, limit, read_failure_file(context.opt_ml, "/opt/ml/output/failure")
    )
    _warn(context, scraper)
    return {
        **arguments,
        "TrainingJobName": context.job_name,
        "TrainingJobArn": context.arn("training-job"),
        "TrainingJobStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": _upload_results(context)},
        "FinalMetricDataList": scraper.final(),
    }


def _job(context: StepContext) -> Job:
    arguments = context.arguments
    specification = arguments["AlgorithmSpecification"]
    image = specification.get("TrainingImage")
    by_script = _is_by_script(context) and not context.sandbox.runs_images
    count = int(arguments["ResourceConfig"].get("InstanceCount", 1))
    return Job(
        command=script_command(context)
        if by_script
        else image_command(context, specification, image=image, without_any=("train",)),
        environment={
            **(script_environment(context) if by_script else {}),
            **arguments.get("Environment", {}),
            "TRAINING_JOB_NAME": context.job_name,
            "TRAINING_JOB_ARN": context.arn("training-job"),
        },
        opt_ml=context.opt_ml,
        python=context.python,
        hosts=host_names(count),
        network=context.network,
        working_directory=CODE if by_script else OPT_ML,
        image=image,
        uses_image_entrypoint="ContainerEntrypoint" not in specification,
    )


def _is_by_toolkit(context: StepContext) -> bool:
    """Whether the image's toolkit would start the script: process 1, which keeps SIGTERM to itself."""
    by_toolkit = context.stand_in is None and is_script_mode(context.arguments)
    return by_toolkit and not context.sandbox.runs_images


def _is_by_script(context: StepContext) -> bool:
    return context.stand_in is not None or is_script_mode(context.arguments)


def _lay_out(context: StepContext) -> None:
    arguments, opt_ml = context.arguments, context.opt_ml
    resources = arguments["ResourceConfig"]
    if int(resources.get("InstanceCount", 1)) > 1:
        raise RunError(
            "training on several instances needs a network between them, which jobs here do not "
            "have; set instance_count to 1 for the local run"
        )
    directories(opt_ml, LAYOUT)
    config = opt_ml / "input" / "config"
    write_json(config / "hyperparameters.json", arguments.get("HyperParameters", {}))
    write_json(
        config / "resourceconfig.json",
        resource_config("algo-1", ("algo-1",), resources["InstanceType"]),
    )
    channels = arguments.get("InputDataConfig", [])
    write_json(
        config / "inputdataconfig.json", {c["ChannelName"]: _channel_config(c) for c in channels}
    )
    for channel in channels:
        if channel.get("InputMode", "File") == "Pipe":
            raise RunError(
                f"channel '{channel['ChannelName']}' is in Pipe mode; use File mode here"
            )
        source = channel["DataSource"]["S3DataSource"]
        context.inputs.fetch(source, opt_ml / "input" / "data" / channel["ChannelName"])
    if _is_by_script(context):
        place_source(context)
    checkpoints = arguments.get("CheckpointConfig")
    if checkpoints:
        directories(opt_ml, [checkpoints.get("LocalPath", "/opt/ml/checkpoints")])
        prefix = checkpoints["S3Uri"].rstrip("/")
        context.store.fetch(f"{prefix}/", _checkpoint_directory(context))


def _channel_config(channel: dict[str, Any]) -> dict[str, Any]:
    source = channel["DataSource"]["S3DataSource"]
    optional = {"ContentType": channel["ContentType"]} if "ContentType" in channel else {}
    return {
        "TrainingInputMode": channel.get("InputMode", "File"),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        **optional,
    }


def _has_model(context: StepContext) -> bool:
    directory = inside(context.opt_ml, "/opt/ml/model")
    return directory.is_dir() and any(directory.iterdir())


def _checkpoint_directory(context: StepContext) -> Path:
    local = context.arguments["CheckpointConfig"].get("LocalPath", "/opt/ml/checkpoints")
    return inside(context.opt_ml, local)


def _upload_checkpoints(context: StepContext) -> None:
    checkpoints = context.arguments.get("CheckpointConfig")
    if checkpoints:
        context.store.put_tree(_checkpoint_directory(context), checkpoints["S3Uri"])


def _warn(context: StepContext, scraper: MetricScraper) -> None:
    if not _has_model(context) and not is_notebook_job(context.step):
        context.warn("the script saved no model in /opt/ml/model (SM_MODEL_DIR)")
    for name, pattern in scraper.unmatched():
        context.warn(f"no line of the log gave the metric {name}: its Regex is {pattern}")


def _saved(context: StepContext) -> str:
    """Upload the model of a job that ended too early; return what became of it."""
    try:
        return f"what it had of its model is in {_upload_results(context)}"
    except (OSError, RunError) as error:
        return f"what it had of its model was not uploaded: {error}"


def _upload_results(context: StepContext) -> str:
    """Upload the model, and the other output where there is any; return the model's URI."""
    archive = context.directory / "model.tar.gz"
    directories(context.opt_ml, LAYOUT)
    pack(inside(context.opt_ml, "/opt/ml/model"), archive)
    context.store.take(archive, f"{_results_prefix(context)}/model.tar.gz")
    upload_output(context)
    return f"{_results_prefix(context)}/model.tar.gz"


def upload_output(context: StepContext) -> str | None:
    """Upload what a job wrote beside its model and return the URI; None where it wrote nothing."""
    data = inside(context.opt_ml, "/opt/ml/output/data")
    if not data.is_dir() or not any(data.iterdir()):
        return None
    archive = context.directory / "output.tar.gz"
    uri = f"{_results_prefix(context)}/output.tar.gz"
    pack(data, archive)
    context.store.take(archive, uri)
    return uri


def _results_prefix(context: StepContext) -> str:
    base = context.arguments["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    return f"{base}/{context.job_name}/output"


MAX_VALUES = 10_000

REPORTED = re.compile(
    r"#quality_metric: host=\S+,(?: epoch=\d+,)?(?: batch=\d+,?)? (\S+) (\S+) <(?:loss|score)>=(\S+)"
)
"""A line such as `#quality_metric: host=algo-1, test rmse <loss>=0.9`, the value of `test:rmse`."""


class MetricScraper:
    """Collects `{"name", "value", "time"}` in `found`, at most 10,000 values a job.

    `reports` says that the job writes its metrics as SageMaker's built-in algorithms do.
    """

    def __init__(
        self,
        definitions: Sequence[Mapping[str, str]],
        found: list[Mapping[str, Any]],
        *,
        reports: bool = False,
    ) -> None:
        self._patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions]
        self._found = found
        self._reports = reports

    def read(self, line: str) -> None:
        """Take every metric that a line holds.

        The first group of the expression is the value; there is none where it takes no part.
        """
        for name, pattern in self._patterns:
            match = pattern.search(line)
            if match is not None:
                self._take(name, match.group(1) if match.groups() else match.group(0))
        reported = REPORTED.search(line) if self._reports else None
        if reported is not None:
            channel, metric, value = reported.groups()
            self._take(f"{channel}:{metric}", value)

    def _take(self, name: str, text: str | None) -> None:
        if text is None:
            return
        try:
            value = float(text)
        except ValueError:
            return
        if len(self._found) < MAX_VALUES:
            self._found.append({"name": name, "value": value, "time": time.time()})

    def unmatched(self) -> list[tuple[str, str]]:
        """Return name and expression of each definition that has given no value."""
        found = {item["name"] for item in self._found}
        return [(name, regex.pattern) for name, regex in self._patterns if name not in found]

    def final(self) -> list[dict[str, Any]]:
        """Return the last value of each metric, as DescribeTrainingJob has them."""
        last = {item["name"]: item for item in self._found}
        return [
            {"MetricName": name, "Value": item["value"], "Timestamp": item["time"]}
            for name, item in last.items()
        ]
