"""Runs as a run leaves them on disk, in each state that a person gets to see."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json
from smp.local.store.places import Places
from smp.local.store.run_store import (
    EXECUTING,
    FAILED,
    SKIPPED,
    STOPPED,
    SUCCEEDED,
    Run,
    RunStore,
    StepRecord,
)

BUCKET = "s3://smp-local"
BEGAN = 1_772_373_909.0
"""2026-03-01 14:05:09 UTC."""


@dataclass(frozen=True)
class Example:
    """A run with what it needs to be shown."""

    run: Run
    compiled: CompiledPipeline
    places: Places


def step(name: str, kind: str, reads: tuple[str, ...] = (), **more: Any) -> Json:
    """One step of a definition written by hand."""
    arguments = {"Inputs": [{"Get": f"Steps.{source}.Output"} for source in reads]}
    return {"Name": name, "Type": kind, "Arguments": arguments, **more}


def pipeline(name: str, *steps: Json) -> CompiledPipeline:
    """A pipeline written by hand."""
    definition = {"Version": "2020-12-01", "Parameters": [], "Steps": list(steps)}
    return CompiledPipeline(name=name, definition=definition, code=(), code_store=Path("store"))


def put(places: Places, uri: str, content: str | bytes) -> Path:
    """Put an object where the local run keeps it."""
    path = places.buckets / uri.removeprefix("s3://")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (BEGAN - 60, BEGAN - 60))
    return path


def begin(
    places: Places, compiled: CompiledPipeline, parameters: Mapping[str, Any] | None = None
) -> Run:
    """Begin a run of all steps at a known time."""
    run = RunStore(places.runs).create(
        compiled, compiled.order(), parameters or {}, {"jobs": 2, "fresh": False}
    )
    run.write(replace(run.record(), started=BEGAN))
    return run


def end(run: Run, status: str, seconds: float, reason: str | None = None) -> None:
    """End a run after so many seconds."""
    run.write(replace(run.record(), status=status, ended=BEGAN + seconds, reason=reason))


def write_step(
    run: Run, name: str, kind: str, status: str, at: float, seconds: float | None, **more: Any
) -> StepRecord:
    """Write a step's record; `at` and `seconds` count from the run's beginning."""
    ended = None if seconds is None else BEGAN + at + seconds
    attempts = 0 if status == SKIPPED or "reused_from" in more else 1
    settings = {"attempts": attempts, "sandbox": "bubblewrap", **more}
    record = StepRecord(name, kind, status, BEGAN + at, ended, **settings)
    run.write_step(record)
    return record


def write_log(run: Run, name: str, text: str | bytes) -> Path:
    """Write a step's log."""
    path = run.log_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


EVALUATION = {
    "binary_classification_metrics": {
        "confusion_matrix": {"0": {"0": 947, "1": 88}, "1": {"0": 176, "1": 198}},
        "auc": {"value": 0.845274, "standard_deviation": 0.00981},
        "accuracy": {"value": 0.812633, "standard_deviation": 0.01044},
        "precision": {"value": 0.692308, "standard_deviation": 0.0262},
        "recall": {"value": 0.529412, "standard_deviation": 0.0255},
        "f1": {"value": 0.6, "standard_deviation": 0.0221},
    }
}


def training_arguments(compiled: CompiledPipeline) -> Json:
    """What a training step of the churn example asks for, resolved."""
    tree = compiled.code[-1].sha256 if compiled.code else "0" * 64
    return {
        "HyperParameters": {"num_boost_round": "400", "learning_rate": "0.05", "seed": "1"},
        "InputDataConfig": [
            _channel("train", f"{BUCKET}/churn/train"),
            _channel("validation", f"{BUCKET}/churn/validation"),
            _channel("code", f"{BUCKET}/code/{tree}"),
        ],
    }


def _channel(name: str, uri: str) -> Json:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3Uri": uri}}}


def curve(name: str, values: list[float]) -> list[dict[str, Any]]:
    """Values as they are scraped from a log."""
    return [{"name": name, "value": v, "time": BEGAN + n} for n, v in enumerate(values)]


def succeeded_churn(places: Places, compiled: CompiledPipeline, auc: float = 0.8453) -> Example:
    """The churn example after a run that went well, with one step from the cache."""
    run = begin(places, compiled, {"learning_rate": 0.05})
    write_training(places, compiled, run, auc)
    model_uri = f"{BUCKET}/models/churn/{run.id}/output/model.tar.gz"
    write_step(
        run,
        "churn-create-model-CreateModel",
        "Model",
        SUCCEEDED,
        41.4,
        0.02,
        arguments={"PrimaryContainer": {"ModelDataUrl": model_uri}},
        result={"ModelName": f"churn-{run.id}"},
        why="Model steps are not cached",
    )
    predictions = f"{BUCKET}/churn-lightgbm/predictions/transform/earlier"
    put(places, f"{predictions}/x_test.csv.out", "0.31\n" * 1409)
    write_step(
        run,
        "churn-transform",
        "Transform",
        SUCCEEDED,
        41.5,
        0.01,
        reused_from="20260228-101500-0a1b2c",
        result={"TransformOutput": {"S3OutputPath": predictions}},
    )
    write_metrics(places, run)
    write_step(
        run,
        "churn-register-RegisterModel",
        "RegisterModel",
        SUCCEEDED,
        53.2,
        0.01,
        arguments={"InferenceSpecification": {"Containers": [{"ModelDataUrl": model_uri}]}},
        result={
            "ModelPackageArn": "arn:aws:sagemaker:us-east-1:000000000000:model-package/churn-lightgbm/3",
            "ModelPackageGroupName": "churn-lightgbm",
            "ModelPackageVersion": 3,
            "ModelApprovalStatus": "PendingManualApproval",
        },
        why="RegisterModel steps are not cached",
    )
    end(run, SUCCEEDED, 53.3)
    return Example(run, compiled, places)


def write_training(places: Places, compiled: CompiledPipeline, run: Run, auc: float) -> None:
    """The training step of the churn example: model, curves, log."""
    put(places, f"{BUCKET}/churn/train/train.csv", "tenure,churn\n" * 4000)
    put(places, f"{BUCKET}/churn/validation/validation.csv", "tenure,churn\n" * 900)
    uri = f"{BUCKET}/models/churn/{run.id}/output/model.tar.gz"
    put(places, uri, b"model" * 40_000)
    aucs = [auc - 0.06 * math.exp(-n / 18) for n in range(97)]
    losses = [0.411 + 0.15 * math.exp(-n / 22) + 0.00004 * n for n in range(97)]
    lines = [
        f"[{n}] valid_auc={a:.5f}; valid_binary_logloss={b:.5f};"
        for n, (a, b) in enumerate(zip(aucs, losses, strict=True))
    ]
    write_log(run, "churn-training", "\n".join(lines) + "\n")
    write_step(
        run,
        "churn-training",
        "Training",
        SUCCEEDED,
        0.3,
        41.0,
        arguments=training_arguments(compiled),
        metrics=tuple(curve("valid_auc", aucs) + curve("valid_logloss", losses)),
        result={
            "ModelArtifacts": {"S3ModelArtifacts": uri},
            "FinalMetricDataList": [
                {"MetricName": "valid_auc", "Value": aucs[-1], "Timestamp": BEGAN},
                {"MetricName": "valid_logloss", "Value": losses[-1], "Timestamp": BEGAN},
            ],
        },
        why="changed since its latest success: HyperParameters",
    )


def write_metrics(places: Places, run: Run) -> None:
    """The metrics step of the churn example with its property file."""
    output = f"{BUCKET}/churn-lightgbm/evaluation/{run.id}"
    put(places, f"{output}/model_evaluation_metrics.json", json.dumps(EVALUATION))
    write_log(run, "churn-metrics", json.dumps(EVALUATION, indent=2))
    located = {"OutputName": "model_evaluation_metrics", "S3Output": {"S3Uri": output}}
    write_step(
        run,
        "churn-metrics",
        "Processing",
        SUCCEEDED,
        41.6,
        11.5,
        result={"ProcessingOutputConfig": {"Outputs": {"model_evaluation_metrics": located}}},
        why="it has not succeeded before",
    )


HOSTILE = "</pre><script>document.title='owned'</script>"

FAILED_LOG = (
    "".join(f"2026-03-01 14:05:{n % 60:02} loading part {n} of the test set\n" for n in range(400))
    + f"{HOSTILE} \x1b[31mred\x1b[0m \x00 \u202e\n"
    + "epoch 1:  10%\repoch 1:  55%\repoch 1: 100%\n"
    + """Traceback (most recent call last):
  File "/opt/ml/model/code/inference.py", line 48, in predict_fn
    return model.predict(rows[FEATURES])
  File "pandas/core/frame.py", line 4108, in __getitem__
    indexer = self.columns._get_indexer_strict(key, "columns")[1]
KeyError: "['MonthlyCharges'] not in index"
"""
).encode() + b"\xff\xfe not UTF-8\n"


def failed_churn(places: Places, compiled: CompiledPipeline) -> Example:
    """The churn example after a run whose transform failed."""
    run = begin(places, compiled)
    write_training(places, compiled, run, 0.84)
    write_step(run, "churn-create-model-CreateModel", "Model", SUCCEEDED, 41.4, 0.02)
    write_log(run, "churn-transform", FAILED_LOG)
    reason = "AlgorithmError: the script ended with exit code 1: KeyError: 'MonthlyCharges'"
    write_step(run, "churn-transform", "Transform", FAILED, 41.5, 3.2, reason=reason)
    for name, kind in (
        ("churn-metrics", "Processing"),
        ("churn-register-RegisterModel", "RegisterModel"),
    ):
        waited = "churn-transform, which it waits for, ended as Failed"
        write_step(run, name, kind, SKIPPED, 44.7, 0.0, reason=waited, sandbox=None)
    end(run, FAILED, 44.8)
    return Example(run, compiled, places)


KINDS = ("Processing", "Training", "Model", "Transform", "RegisterModel")


def forty_steps() -> CompiledPipeline:
    """Eight models of five steps."""
    steps = [
        step(
            f"model-{model}-{kind.lower()}",
            kind,
            (f"model-{model}-{KINDS[index - 1].lower()}",) if index else (),
        )
        for model in range(8)
        for index, kind in enumerate(KINDS)
    ]
    compiled = pipeline("forty-steps", *steps)
    return replace(compiled, step_models={s["Name"]: s["Name"][:7] for s in steps})


def running_forty(places: Places) -> Example:
    """A run in the middle: steps in every state, one with tuning trials, one by a stand-in."""
    compiled = forty_steps()
    run = begin(places, compiled)
    write_step(run, "model-0-processing", "Processing", SUCCEEDED, 0, 62)
    write_step(
        run,
        "model-0-training",
        "Training",
        SUCCEEDED,
        62,
        3700,
        stand_in="scripts/local_xgboost.py",
    )
    write_step(run, "model-0-model", "Model", EXECUTING, 3762, None)
    for model in range(1, 7):
        write_step(run, f"model-{model}-processing", "Processing", SUCCEEDED, 5 * model, 40)
    write_step(
        run,
        "model-1-training",
        "Training",
        SUCCEEDED,
        60,
        900,
        result=tuning_result(),
        why="--fresh was given",
    )
    write_step(run, "model-2-training", "Training", FAILED, 80, 30, reason="it ran out of memory")
    write_step(run, "model-3-training", "Training", STOPPED, 80, 30, reason="the run was stopped")
    write_step(
        run, "model-4-training", "Training", SUCCEEDED, 90, 1, reused_from="20260101-000000-abcdef"
    )
    write_step(run, "model-2-model", "Model", SKIPPED, 110, 0, reason="model-2-training failed")
    return Example(run, compiled, places)


def tuning_result() -> Json:
    """The answer of a tuning step with twelve trials."""
    summaries = [
        {
            "TrainingJobName": f"tune-{n:03}",
            "TrainingJobStatus": "Stopped" if n == 7 else "Completed",
            "TunedHyperParameters": {
                "learning_rate": f"{0.01 * (n + 1):.2f}",
                "depth": str(3 + n % 4),
            },
            "FinalHyperParameterTuningJobObjectiveMetric": {
                "MetricName": "validation:rmse",
                "Value": 0.31 + abs(n - 8) * 0.013,
            },
        }
        for n in range(12)
    ]
    return {"BestTrainingJob": summaries[8], "TrainingJobSummaries": summaries}


def searched(places: Places) -> Example:
    """A run of a search alone: three trials, of which the second is the best, as the runner ranks them."""
    compiled = pipeline("searched", step("search", "Tuning"))
    run = begin(places, compiled)
    summaries = [
        {
            "TrainingJobName": f"tune-{n:03}",
            "TrainingJobStatus": "Completed",
            "CreationTime": BEGAN + n,
            "TunedHyperParameters": {"learning_rate": f"0.0{n}", "depth": str(2 + n)},
            "FinalHyperParameterTuningJobObjectiveMetric": {
                "MetricName": "validation:rmse",
                "Value": value,
            },
        }
        for n, value in ((2, 0.3), (1, 0.4), (3, 0.5))
    ]
    for n in (1, 2, 3):
        log = run.step_directory("search") / "trials" / f"tune-{n:03}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("rmse\n")
    put(places, f"{BUCKET}/models/tune-002/output/model.tar.gz", b"model")
    definition = {
        "StaticHyperParameters": {"seed": "7"},
        "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/models"},
    }
    write_step(
        run,
        "search",
        "Tuning",
        SUCCEEDED,
        0,
        9,
        arguments={"TrainingJobDefinition": definition},
        metrics=tuple(curve("validation:rmse", [0.4, 0.3, 0.5])),
        result={
            "TrainingJobDefinition": definition,
            "BestTrainingJob": summaries[0],
            "TrainingJobSummaries": summaries,
        },
    )
    end(run, SUCCEEDED, 9)
    return Example(run, compiled, places)
