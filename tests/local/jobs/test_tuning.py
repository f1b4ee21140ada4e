"""Tuning steps that run: every strategy, failing trials, early stopping, the best model."""

from __future__ import annotations

import io
import tarfile
import textwrap
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from smp.definition.compiled import Json
from smp.local.jobs.context import StepFailure
from smp.local.jobs.search import Range, Search, read_ranges
from smp.local.jobs.trial_runs import TrialRun
from smp.local.jobs.tuning_result import describe
from smp.local.sandbox.process import Stop
from smp.local.store.run_store import Run
from tests.local.pipelines import BUCKET, ROLE, Workspace, log_of, statuses, step_of

QUADRATIC = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument('-x', type=float, default=0)
parser.add_argument('--kind')
parser.add_argument('--epochs', type=int, default=1)
given = parser.parse_args()
open(os.environ['SM_MODEL_DIR'] + '/x', 'w').write(str(given.x))
print(f'loss={(given.x - 2) ** 2}')
"""
ALPHA = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "-10", "MaxValue": "10"}]}


def source(workspace: Workspace, script: str) -> str:
    """Put a source archive as the SDK does and return its URI."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        content = textwrap.dedent(script).encode()
        member = tarfile.TarInfo("train.py")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return workspace.put("source/sourcedir.tar.gz", buffer.getvalue())


def tuning(
    workspace: Workspace,
    script: str = QUADRATIC,
    *,
    strategy: str = "Random",
    ranges: Json = ALPHA,
    jobs: int | None = 4,
    parallel: int = 2,
    objective: str = "loss",
    static: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    request: Mapping[str, Any] | None = None,
) -> Json:
    limits = {"MaxParallelTrainingJobs": parallel}
    if jobs is not None:
        limits["MaxNumberOfTrainingJobs"] = jobs
    return {
        "Name": "tune",
        "Type": "Tuning",
        "Arguments": {
            "HyperParameterTuningJobConfig": {
                "Strategy": strategy,
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": objective},
                "ResourceLimits": limits,
                "ParameterRanges": ranges,
                "RandomSeed": 1,
                **(config or {}),
            },
            "TrainingJobDefinition": {
                "StaticHyperParameters": {
                    "sagemaker_program": "train.py",
                    "sagemaker_submit_directory": source(workspace, script),
                    **(static or {}),
                },
                "AlgorithmSpecification": {
                    "TrainingImage": "image:1",
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([-0-9.e+nan]+)"}],
                },
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/tuned"},
                "ResourceConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 1,
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            },
            **(request or {}),
        },
    }


def run_tuning(workspace: Workspace, *args: Any, **options: Any) -> Run:
    return workspace.run(workspace.pipeline(tuning(workspace, *args, **options)))


def result_of(run: Run) -> Mapping[str, Any]:
    record = step_of(run, "tune")
    assert record.status == "Succeeded", record.reason
    return record.result


def tried(run: Run) -> list[str]:
    return sorted(
        job["TunedHyperParameters"]["x"] for job in result_of(run)["TrainingJobSummaries"]
    )


def test_the_best_job_comes_first_and_its_model_is_there(workspace: Workspace) -> None:
    step = tuning(workspace)
    use = workspace.processing(
        "use",
        """
        import tarfile
        print(tarfile.open('/opt/ml/processing/input/m/model.tar.gz').extractfile('x').read())
        """,
        inputs={
            "m": {
                "Std:Join": {
                    "On": "/",
                    "Values": [
                        "s3:/",
                        "smp-local",
                        "tuned",
                        {"Get": "Steps.tune.TrainingJobSummaries[0].TrainingJobName"},
                        "output/model.tar.gz",
                    ],
                }
            }
        },
    )
    run = workspace.run(workspace.pipeline(step, use))

    result = result_of(run)
    jobs = result["TrainingJobSummaries"]
    values = [j["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for j in jobs]
    assert values == sorted(values)
    assert result["BestTrainingJob"] == jobs[0]
    assert result["TrainingJobStatusCounters"]["Completed"] == 4
    assert result["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    assert len(result["HyperParameterTuningJobName"]) <= 32
    best = float(jobs[0]["TunedHyperParameters"]["x"])
    assert log_of(run, "use") == f"b'{best}'\n"
    assert statuses(run)["use"] == "Succeeded"
    assert sorted(m["value"] for m in step_of(run, "tune").metrics) == values


def test_the_same_seed_tries_the_same(workspace: Workspace) -> None:
    one, two = (run_tuning(workspace) for _ in range(2))
    other = run_tuning(workspace, config={"RandomSeed": 2})

    assert tried(one) == tried(two) != tried(other)


def test_bayesian_search_finds_the_minimum(workspace: Workspace) -> None:
    run = run_tuning(workspace, strategy="Bayesian", jobs=16)

    best = result_of(run)["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]
    assert best["Value"] < 4


def test_a_grid_tries_every_combination_once(workspace: Workspace) -> None:
    ranges = {
        "CategoricalParameterRanges": [
            {"Name": "x", "Values": ["1", "2", "3"]},
            {"Name": "kind", "Values": ["a", "b"]},
        ]
    }
    run = run_tuning(workspace, strategy="Grid", ranges=ranges, jobs=None)

    jobs = result_of(run)["TrainingJobSummaries"]
    assert sorted(
        (j["TunedHyperParameters"]["x"], j["TunedHyperParameters"]["kind"]) for j in jobs
    ) == [(x, kind) for x in "123" for kind in "ab"]
    assert jobs[0]["TunedHyperParameters"]["x"] == "2"


def test_static_and_tuned_hyperparameters_reach_the_script(workspace: Workspace) -> None:
    script = """
    import json, os, sys
    print(sys.argv[1:], os.environ['SM_HP_DEPTH'], os.environ['SM_CHANNELS'], os.getcwd())
    print(sorted(json.load(open('/opt/ml/input/config/hyperparameters.json'))))
    print('loss=1')
    """
    ranges = {
        "CategoricalParameterRanges": [{"Name": "kind", "Values": ['"quoted"']}],
        "IntegerParameterRanges": [{"Name": "epochs", "MinValue": "3", "MaxValue": "3"}],
    }
    run = run_tuning(workspace, script, ranges=ranges, jobs=1, static={"depth": "4"})

    (log,) = (run.step_directory("tune") / "trials").iterdir()
    assert log.read_text().splitlines()[:2] == [
        "['--depth', '4', '--epochs', '3', '--kind', 'quoted'] 4 [] /opt/ml/code",
        "['_tuning_objective_metric', 'depth', 'epochs', 'kind', 'sagemaker_program', "
        "'sagemaker_submit_directory']",
    ]


def test_a_failing_trial_does_not_fail_the_others(workspace: Workspace) -> None:
    script = """
    import sys
    x = float(sys.argv[sys.argv.index('-x') + 1])
    if x == 2:
        open('/opt/ml/output/failure', 'w').write('two is forbidden')
        sys.exit(1)
    print(f'loss={x}' if x < 3 else 'nothing to say')
    """
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2", "3"]}]}
    run = run_tuning(workspace, script, strategy="Grid", ranges=ranges)

    result = result_of(run)
    by_x = {j["TunedHyperParameters"]["x"]: j for j in result["TrainingJobSummaries"]}
    assert by_x["2"]["TrainingJobStatus"] == "Failed"
    assert "two is forbidden" in by_x["2"]["FailureReason"]
    assert by_x["3"]["TrainingJobStatus"] == "Completed"
    assert by_x["3"]["ObjectiveStatus"] == "Failed"
    assert result["BestTrainingJob"]["TunedHyperParameters"]["x"] == "1"
    assert result["TrainingJobStatusCounters"]["NonRetryableError"] == 1


def test_a_trial_that_diverged_is_not_the_best(workspace: Workspace) -> None:
    script = """
    import sys
    x = sys.argv[sys.argv.index('-x') + 1]
    print('loss=0.1')
    print(f'loss={x}')
    """
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["nan", "0.5", "0.3"]}]}
    result = result_of(run_tuning(workspace, script, strategy="Grid", ranges=ranges))

    by_x = {j["TunedHyperParameters"]["x"]: j for j in result["TrainingJobSummaries"]}
    assert result["BestTrainingJob"]["TunedHyperParameters"]["x"] == "0.3"
    assert by_x["nan"]["ObjectiveStatus"] == "Failed"


def test_fails_where_no_trial_gives_the_objective(workspace: Workspace) -> None:
    run = run_tuning(workspace, "print('hello')", jobs=2)

    assert step_of(run, "tune").reason == (
        "none of 2 training jobs gave loss: "
        "nothing in its log fits the metric's Regex 'loss=([-0-9.e+nan]+)'"
    )


def test_fails_where_every_trial_was_stopped(workspace: Workspace) -> None:
    arguments = tuning(workspace)["Arguments"]
    objective = arguments["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    context: Any = SimpleNamespace(arguments=arguments, job_name="tune", arn=lambda *_: "arn")
    trial = TrialRun("tune-001", 1, {"x": "1"}, Stop(), "loss", status="Stopped")
    with pytest.raises(StepFailure, match=r"^none of 1 training jobs gave loss: it was stopped$"):
        describe(context, [trial], objective, "MaxRuntimeInSeconds is over")


def test_early_stopping_ends_hopeless_trials(workspace: Workspace) -> None:
    script = """
    import sys, time
    x = float(sys.argv[sys.argv.index('-x') + 1])
    for epoch in range(4 if x < 10 else 400):
        print(f'loss={x + 1 / (epoch + 1)}', flush=True)
        time.sleep(0.02)
    """
    values = ["1", "2", "3", "4", "5", "100"]
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": values}]}
    run = run_tuning(
        workspace,
        script,
        strategy="Grid",
        ranges=ranges,
        jobs=None,
        parallel=1,
        config={"TrainingJobEarlyStoppingType": "Auto"},
    )

    result = result_of(run)
    by_x = {j["TunedHyperParameters"]["x"]: j for j in result["TrainingJobSummaries"]}
    assert by_x["100"]["TrainingJobStatus"] == "Stopped"
    assert [by_x[x]["TrainingJobStatus"] for x in "12345"] == ["Completed"] * 5
    assert result["TrainingJobStatusCounters"]["Stopped"] == 1
    assert result["BestTrainingJob"]["TunedHyperParameters"]["x"] == "1"


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"TargetObjectiveMetricValue": 3.0}, ["1", "3"]),
        (
            {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}},
            ["1", "3", "4", "5"],
        ),
    ],
)
def test_a_completion_criterion_ends_the_search(
    workspace: Workspace, criteria: Json, expected: list[str]
) -> None:
    script = "import sys; print('loss=' + sys.argv[sys.argv.index('-x') + 1])"
    values = ["1", "3", "4", "5", "6", "7"]
    if "TargetObjectiveMetricValue" in criteria:
        values = ["9", "3", "1"]
        expected = ["3", "9"]
    run = run_tuning(
        workspace,
        script,
        strategy="Grid",
        ranges={"CategoricalParameterRanges": [{"Name": "x", "Values": values}]},
        jobs=None,
        parallel=1,
        config={"TuningJobCompletionCriteria": criteria},
    )

    assert tried(run) == expected
    assert "TuningJobCompletionDetails" in result_of(run)


def test_trials_run_at_once_but_no_more_than_asked(workspace: Workspace) -> None:
    script = """
    import time
    print('loss=1', flush=True); time.sleep(0.4)
    """
    overlaps = []
    for parallel in (1, 2):
        jobs = result_of(run_tuning(workspace, script, parallel=parallel))["TrainingJobSummaries"]
        spans = sorted((j["TrainingStartTime"], j["TrainingEndTime"]) for j in jobs)
        overlaps.append(max(sum(a <= moment < b for a, b in spans) for moment, _ in spans))
    assert overlaps == [1, 2]


def test_a_result_is_reused_where_nothing_changed(workspace: Workspace) -> None:
    step = tuning(workspace, jobs=2)
    step["CacheConfig"] = {"Enabled": True, "ExpireAfter": "P1D"}
    first = workspace.run(workspace.pipeline(step))
    second = workspace.run(workspace.pipeline(step))

    assert step_of(second, "tune").reused_from == first.id
    assert result_of(second) == result_of(first)

    best = result_of(first)["BestTrainingJob"]["TrainingJobName"]
    uri = f"{BUCKET}/tuned/{best}/output/model.tar.gz"
    workspace.store.path_of(uri).unlink()
    third = workspace.run(workspace.pipeline(step))
    assert step_of(third, "tune").why == f"of the result of run {first.id}, {uri} is gone"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"objective": "auc"}, "the objective auc has no metric definition\n    allowed: loss"),
        ({"strategy": "Hyperband"}, "Hyperband does not run here"),
        (
            {"strategy": "Grid"},
            "the Grid strategy takes categorical ranges only; x is not",
        ),
        (
            {
                "request": {
                    "WarmStartConfig": {
                        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "a"}],
                        "WarmStartType": "TransferLearning",
                    }
                }
            },
            "WarmStartConfig is honoured by the service only",
        ),
        (
            {
                "config": {
                    "TuningJobCompletionCriteria": {
                        "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}
                    }
                }
            },
            "ConvergenceDetected is honoured by the service only",
        ),
    ],
)
def test_fails_for_what_cannot_be_honoured(
    workspace: Workspace, change: dict[str, Any], reason: str
) -> None:
    run = run_tuning(workspace, **change)

    assert str(step_of(run, "tune").reason).startswith(reason)


def test_ranges_are_sampled_by_their_scale() -> None:
    ranges = [
        Range("rate", "Continuous", low=1e-5, high=1, scaling="Logarithmic"),
        Range("auto", "Continuous", low=1e-5, high=1),
        Range("keep", "Continuous", low=0.9, high=0.9999, scaling="ReverseLogarithmic"),
        Range("units", "Integer", low=1, high=1024, scaling="Logarithmic"),
        Range("flat", "Continuous", low=0, high=1, scaling="Linear"),
    ]
    search = Search(ranges, "Random", maximize=True, seed=3, stops_early=False)
    found = [search.propose().values for _ in range(300)]

    def share(name: str, below: float) -> float:
        return sum(float(values[name]) < below for values in found) / len(found)

    assert 0.5 < share("rate", 1e-2) < 0.7
    assert 0.5 < share("auto", 1e-2) < 0.7
    assert share("keep", 0.99) < 0.5
    assert all(0.9 <= float(values["keep"]) <= 0.9999 for values in found)
    assert 0.4 < share("units", 32) < 0.6
    assert all(values["units"] == str(int(values["units"])) for values in found)
    assert 0.4 < share("flat", 0.5) < 0.6


def test_fails_with_every_fault_of_the_ranges() -> None:
    def continuous(name: str, low: str, high: str, scaling: str = "Auto") -> Json:
        return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scaling}

    with pytest.raises(Exception, match=r"a: MinValue must be") as caught:
        read_ranges(
            {
                "ContinuousParameterRanges": [
                    continuous("a", "2", "1"),
                    continuous("b", "0", "1", "Logarithmic"),
                    continuous("c", "0", "1", "ReverseLogarithmic"),
                ],
                "IntegerParameterRanges": [continuous("d", "1.5", "2")],
                "AutoParameters": [{"Name": "e", "ValueHint": "1"}],
            }
        )
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "ParameterRanges.d",
        "ParameterRanges.AutoParameters",
        "ParameterRanges.a",
        "ParameterRanges.b",
        "ParameterRanges.c",
    ]
