"""Tuning steps, and the choice between tuning and plain training."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.evaluate import Scope, resolve
from smp.definition.parameters import parameter_values
from smp.definition.request_check import check_requests
from smp.errors import ConfigError
from smp.graph import build_graph
from smp.local.jobs.search import read_ranges
from tests.compiler.compiling import arguments, compile_demo, step
from tests.graph.workspace import load, pipeline_of

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/image:1"
TRAIN = (
    f"{{image_uri: {IMAGE}, entry_point: train.py, instance_type: ml.m5.xlarge, "
    "hyperparameters: {kept: 1, rate: 0.1}, env: {A: b}, "
    "metric_definitions: [{Name: auc, Regex: 'auc=(.*)'}], "
    "channels: {train: {dataFiles: [{fileName: s3://data/train}]}}}"
)
TUNE = (
    "{objective: {metric: auc}, ranges: {rate: {type: continuous, min: 0.01, max: 0.3, "
    "scaling: Logarithmic}, depth: {type: integer, min: 1, max: 9}, "
    "kind: {type: categorical, values: [x, 2]}}, static_hyperparameters: {more: 3}, "
    "total_jobs: 6, parallel_jobs: 2, early_stopping: Auto, seed: 0, max_runtime_seconds: 3600, "
    "warm_start: {type: TransferLearning, parents: [old-job]}, base_job_name: search}"
)
BEST = {
    "Std:Join": {
        "On": "/",
        "Values": [
            "s3://${smp:bucket}/models/demo/fit",
            {"Get": "Steps.fit.BestTrainingJob.TrainingJobName"},
            "output/model.tar.gz",
        ],
    }
}


def test_the_search(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Tuning", demo__train=TRAIN, demo__tune=TUNE)
    request = arguments(compiled, "fit")
    assert request["HyperParameterTuningJobName"] == "search"
    assert request["HyperParameterTuningJobConfig"] == {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
        "ResourceLimits": {
            "MaxNumberOfTrainingJobs": 6,
            "MaxParallelTrainingJobs": 2,
            "MaxRuntimeInSeconds": 3600,
        },
        "ParameterRanges": {
            "ContinuousParameterRanges": [
                {
                    "Name": "rate",
                    "MinValue": "0.01",
                    "MaxValue": "0.3",
                    "ScalingType": "Logarithmic",
                }
            ],
            "IntegerParameterRanges": [
                {"Name": "depth", "MinValue": "1", "MaxValue": "9", "ScalingType": "Auto"}
            ],
            "CategoricalParameterRanges": [{"Name": "kind", "Values": ["x", "2"]}],
        },
        "TrainingJobEarlyStoppingType": "Auto",
        "RandomSeed": 0,
    }
    assert request["WarmStartConfig"]["ParentHyperParameterTuningJobs"] == [
        {"HyperParameterTuningJobName": "old-job"}
    ]


def test_its_jobs_are_those_of_a_training_step(tmp_path: Path) -> None:
    """All but the algorithm and the hyperparameters: network, keys, limits, data."""
    tuned = compile_demo(tmp_path / "a", "fit: Tuning", demo__train=TRAIN, demo__tune=TUNE)
    plain = arguments(compile_demo(tmp_path / "b", "fit: Training", demo__train=TRAIN), "fit")
    job = arguments(tuned, "fit")["TrainingJobDefinition"]
    for member in (
        "RoleArn",
        "OutputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
        "VpcConfig",
        "EnableInterContainerTrafficEncryption",
        "Environment",
    ):
        assert job[member] == plain[member], member
    channels = {item["ChannelName"]: item for item in job["InputDataConfig"]}
    assert set(channels) == {"train", "code"}
    (tree,) = tuned.code
    uri = channels["code"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert uri == f"s3://${{smp:bucket}}/{tree.key}/"
    assert job["StaticHyperParameters"] == {
        "kept": "1",
        "more": "3",
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": "/opt/ml/input/data/code",
    }
    assert job["AlgorithmSpecification"]["MetricDefinitions"] == [
        {"Name": "auc", "Regex": "auc=(.*)"}
    ]


def test_later_steps_use_the_best_model(tmp_path: Path) -> None:
    steps = "fit: Tuning\nserve: CreateModel\nkeep: RegisterModel\n"
    steps += "use: Processing, chain_input_source_step: fit"
    compiled = compile_demo(tmp_path, steps, demo__train=TRAIN, demo__tune=TUNE)
    assert arguments(compiled, "serve-CreateModel")["PrimaryContainer"]["ModelDataUrl"] == BEST
    inputs = {item["InputName"]: item for item in arguments(compiled, "use")["ProcessingInputs"]}
    assert inputs["fit-input-train"]["S3Input"]["S3Uri"] == BEST
    (container,) = arguments(compiled, "keep-RegisterModel")["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == BEST


def test_a_grid_tries_every_combination(tmp_path: Path) -> None:
    tune = "{strategy: Grid, objective: {metric: auc, type: Minimize}, "
    tune += "ranges: {kind: {type: categorical, values: [1, 2]}}}"
    compiled = compile_demo(tmp_path, "fit: Tuning", demo__train=TRAIN, demo__tune=tune)
    config = arguments(compiled, "fit")["HyperParameterTuningJobConfig"]
    assert config["ResourceLimits"] == {"MaxParallelTrainingJobs": 1}
    assert config["HyperParameterTuningJobObjective"]["Type"] == "Minimize"


def test_tuning_or_training_by_a_parameter(tmp_path: Path) -> None:
    """What follows runs after either: once for each in the definition."""
    text = pipeline_of(
        "choose: Condition, condition: parameters.tune == true, if_steps: search, else_steps: fit\n"
        "search: Tuning\nfit: Training\nserve: CreateModel\n"
        "predict: Transform, chain_input_source_step: prep\nprep: Processing"
    ).replace(
        "    models:",
        "    parameters: [{name: tune, type: Boolean, default: false}]\n    models:",
        1,
    )
    project = load(tmp_path, text, demo__train=TRAIN, demo__tune=TUNE)
    compiled = compile_pipeline(build_graph(project, "demo"), tmp_path / "store")
    branches = arguments(compiled, "choose")
    assert [item["Name"] for item in branches["IfSteps"]] == [
        "search",
        "serve-CreateModel",
        "predict",
    ]
    assert [item["Name"] for item in branches["ElseSteps"]] == [
        "fit",
        "serve-else-CreateModel",
        "predict-else",
    ]
    tuned = arguments(compiled, "serve-CreateModel")["PrimaryContainer"]["ModelDataUrl"]
    plain = arguments(compiled, "serve-else-CreateModel")["PrimaryContainer"]["ModelDataUrl"]
    assert {"Get": "Steps.search.BestTrainingJob.TrainingJobName"} in tuned["Std:Join"]["Values"]
    assert plain == {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"}
    assert [item["Name"] for item in compiled.definition["Steps"]] == ["choose", "prep"]


def test_the_ends_of_a_range_in_scientific_notation(tmp_path: Path) -> None:
    tune = TUNE.replace("min: 0.01, max: 0.3", "min: 1e-5, max: 1.5E-2")
    tune = tune.replace("more: 3", "more: 1e-4")
    compiled = compile_demo(tmp_path, "fit: Tuning", demo__train=TRAIN, demo__tune=tune)
    request = arguments(compiled, "fit")
    assert request["TrainingJobDefinition"]["StaticHyperParameters"]["more"] == '"1e-4"'
    ranges = request["HyperParameterTuningJobConfig"]["ParameterRanges"]
    (rate,) = ranges["ContinuousParameterRanges"]
    assert (float(rate["MinValue"]), float(rate["MaxValue"])) == (1e-5, 0.015)


def test_the_number_of_jobs_may_be_a_parameter(tmp_path: Path) -> None:
    text = pipeline_of("fit: Tuning").replace(
        "    models:", "    parameters: [{name: jobs, type: Integer, default: 4}]\n    models:", 1
    )
    tune = TUNE.replace("total_jobs: 6", "total_jobs: '${parameters.jobs}'")
    project = load(tmp_path, text, demo__train=TRAIN, demo__tune=tune)
    compiled = compile_pipeline(build_graph(project, "demo"), tmp_path / "store")
    limits = arguments(compiled, "fit")["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert limits["MaxNumberOfTrainingJobs"] == {"Get": "Parameters.jobs"}


def test_an_objective_that_no_metric_defines_fails(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"the objective 'acu' is not a metric .*\n.*allowed: auc\n.*'auc'"
    ):
        compile_demo(
            tmp_path,
            "fit: Tuning",
            demo__train=TRAIN,
            demo__tune=TUNE.replace("metric: auc", "metric: acu"),
        )


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("ranges: {r: {type: continuous, min: 1, max: 1}}", "is empty"),
        ("ranges: {r: {type: integer, min: 1, max: 1.5}}", "must be a whole number"),
        ("ranges: {r: {type: integer, min: 1, max: 1e3}}", "must be a whole number"),
        ("ranges: {r: {type: continuous, min: 0, max: 1-e5}}", "must be a number"),
        ("ranges: {r: {type: continuous, min: true, max: 2}}", "must be a number"),
        ("ranges: {r: {type: continuous, min: 0, max: 1e999}}", "must be a finite number"),
        ("ranges: {r: {type: continuous, min: 1e-2, max: 1e-5}}", "is empty"),
        (
            "ranges: {r: {type: continuous, min: 0, max: 1, scaling: Logarithmic}}",
            "has no logarithm",
        ),
        ("ranges: {r: {type: contnuous, min: 0, max: 1}}", "is not one of the allowed values"),
        ("ranges: {}", "searches no hyperparameter"),
        (
            "strategy: Grid, ranges: {r: {type: integer, min: 1, max: 2}}",
            "is not a categorical range, and strategy Grid takes no other",
        ),
        (
            "strategy: Grid, max_jobs: 3, ranges: {r: {type: categorical, values: [1]}}",
            "is not for strategy Grid, which tries every combination",
        ),
        (
            "strategy: Hyperband, early_stopping: Auto, ranges: {r: {type: categorical, values: [1]}}",
            "is not for strategy Hyperband, which ends jobs early itself",
        ),
        (
            "static_hyperparameters: {r: 1}, ranges: {r: {type: categorical, values: [1]}}",
            "is in 'ranges' too",
        ),
    ],
)
def test_a_search_that_cannot_be_fails(wrong: str, reason: str, tmp_path: Path) -> None:
    tune = f"{{objective: {{metric: auc}}, {wrong}}}"
    with pytest.raises(ConfigError) as failure:
        compile_demo(tmp_path, "fit: Tuning", demo__train=TRAIN, demo__tune=tune)
    (problem,) = failure.value.problems
    assert problem.reason == reason
    assert problem.path.startswith("conf.models.demo.tune")


def test_a_tuned_step_is_retried_as_a_job(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Tuning", demo__train=TRAIN, demo__tune=TUNE)
    causes = [policy["ExceptionType"][0] for policy in step(compiled, "fit")["RetryPolicies"]]
    assert causes == ["Step.SERVICE_FAULT", "SageMaker.JOB_INTERNAL_ERROR"]


def test_the_end_of_a_search_may_vary(tmp_path: Path) -> None:
    tune = "{objective: {metric: auc}, ranges: {kind: {type: categorical, values: [1, 2]}}, "
    tune += "max_runtime_seconds: '${parameters.time}', early_stopping: '${parameters.early}'}"
    declared = (
        "    parameters: [{name: time, type: Integer, default: 600}, "
        "{name: early, default: Auto, allowed_values: [Auto, 'Off']}]\n    models:"
    )
    text = pipeline_of("search: Tuning").replace("    models:", declared, 1)
    project = load(tmp_path, text, demo__train=TRAIN, demo__tune=tune)
    compiled = compile_pipeline(build_graph(project, "demo"), tmp_path / "store")
    config = arguments(compiled, "search")["HyperParameterTuningJobConfig"]
    assert config["ResourceLimits"]["MaxRuntimeInSeconds"] == {"Get": "Parameters.time"}
    assert config["TrainingJobEarlyStoppingType"] == {"Get": "Parameters.early"}
    assert check_requests(compiled) == []


DECLARED = """    parameters:
      - {name: low, type: Float, default: 0.1}
      - {name: high, type: Integer, default: 8}
      - {name: scale, default: Linear, allowed_values: [Linear, Logarithmic]}
    models:"""


def searched(workspace: Path, ranges: str, declared: str = DECLARED) -> CompiledPipeline:
    """Compile a search over ranges that refer to parameters."""
    tune = f"{{objective: {{metric: auc}}, ranges: {{{ranges}}}}}"
    text = pipeline_of("search: Tuning").replace("    models:", declared, 1)
    project = load(workspace, text, demo__train=TRAIN, demo__tune=tune)
    return compile_pipeline(build_graph(project, "demo"), workspace / "store")


def test_a_default_in_scientific_notation_is_a_number(tmp_path: Path) -> None:
    declared = DECLARED.replace("default: 0.1", "default: 1e-5")
    compiled = searched(
        tmp_path, "rate: {type: continuous, min: '${parameters.low}', max: 1}", declared
    )
    assert compiled.definition["Parameters"][0] == {
        "Name": "low",
        "Type": "Float",
        "DefaultValue": 1e-5,
    }


def test_ranges_may_vary_and_reach_the_local_search(tmp_path: Path) -> None:
    compiled = searched(
        tmp_path,
        "rate: {type: continuous, min: '${parameters.low}', max: '${parameters.high}', "
        "scaling: '${parameters.scale}'}, depth: {type: integer, min: 1, max: '${parameters.high}'}",
    )
    ranges = arguments(compiled, "search")["HyperParameterTuningJobConfig"]["ParameterRanges"]
    high = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.high"}]}}
    assert ranges["ContinuousParameterRanges"] == [
        {
            "Name": "rate",
            "MinValue": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.low"}]}},
            "MaxValue": high,
            "ScalingType": {"Get": "Parameters.scale"},
        }
    ]
    assert ranges["IntegerParameterRanges"] == [
        {"Name": "depth", "MinValue": "1", "MaxValue": high, "ScalingType": "Auto"}
    ]
    assert check_requests(compiled) == []
    given = parameter_values(compiled.definition, {"high": "5"})
    depth, rate = read_ranges(resolve(ranges, Scope(given, {})))
    assert (depth.low, depth.high) == (1, 5)
    assert (rate.low, rate.high, rate.scaling) == (0.1, 5.0, "Linear")


@pytest.mark.parametrize(
    ("ranges", "reason", "found"),
    [
        (
            "rate: {type: integer, min: '${parameters.low}', max: 9}",
            "'low' is of type Float, which does not fit this value",
            "'${parameters.low}'",
        ),
        (
            "rate: {type: integer, min: '${parameters.high}', max: 8}",
            "is empty",
            "'${parameters.high}', where 'high' is 8",
        ),
        (
            "rate: {type: continuous, min: 0, max: 1, scaling: '${parameters.scale}'}",
            "has no logarithm",
            "'${parameters.scale}', where 'scale' is 'Logarithmic'",
        ),
        (
            "rate: {type: continuous, min: 0, max: '${parameters.high}', scaling: ReverseLogarithmic}",
            "is not possible for this range",
            "'${parameters.high}', where 'high' is 8",
        ),
    ],
)
def test_fails_where_a_parameter_makes_no_range(
    ranges: str, reason: str, found: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as failure:
        searched(tmp_path, ranges)
    (problem,) = failure.value.problems
    assert (problem.reason, problem.found) == (reason, found)


def test_a_search_ends_by_what_it_found(tmp_path: Path) -> None:
    tune = (
        "{objective: {metric: auc, type: Minimize, target: 0}, strategy: Hyperband, "
        "hyperband: {min_resource: 2, max_resource: 20}, max_jobs_without_improvement: 5, "
        "stop_on_convergence: true, ranges: {depth: {type: integer, min: 1, max: 9}}}"
    )
    compiled = compile_demo(tmp_path, "fit: Tuning\n", demo__train=TRAIN, demo__tune=tune)
    config = arguments(compiled, "fit")["HyperParameterTuningJobConfig"]
    assert config["StrategyConfig"] == {
        "HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 20}
    }
    assert config["TuningJobCompletionCriteria"] == {
        "TargetObjectiveMetricValue": 0,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 5},
        "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
    }


def test_the_service_may_choose_the_ranges(tmp_path: Path) -> None:
    tune = "{objective: {metric: auc}, autotune: true, auto_parameters: {rate: 0.1, depth: 4}}"
    compiled = compile_demo(tmp_path, "fit: Tuning\n", demo__train=TRAIN, demo__tune=tune)
    request = arguments(compiled, "fit")
    assert request["Autotune"] == {"Mode": "Enabled"}
    assert request["HyperParameterTuningJobConfig"]["ParameterRanges"]["AutoParameters"] == [
        {"Name": "rate", "ValueHint": "0.1"},
        {"Name": "depth", "ValueHint": "4"},
    ]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("autotune: true", "searches no hyperparameter"),
        ("auto_parameters: {rate: 1}", "has no effect without 'autotune'"),
        (
            "autotune: true, auto_parameters: {a: 1}, ranges: {a: {type: integer, min: 1, max: 2}}",
            "has a range, or a value, already",
        ),
        ("hyperband: {min_resource: 1}, ranges: {a: {type: integer, min: 1, max: 2}}", "Hyperband"),
        (
            "strategy: Hyperband, hyperband: {min_resource: 4, max_resource: 4}, "
            "ranges: {a: {type: integer, min: 1, max: 2}}",
            "is not more than min_resource",
        ),
    ],
)
def test_fails_for_a_search_that_cannot_be_meant(keys: str, message: str, tmp_path: Path) -> None:
    tune = f"{{objective: {{metric: auc}}, {keys}}}"
    with pytest.raises(ConfigError, match=message):
        compile_demo(tmp_path, "fit: Tuning\n", demo__train=TRAIN, demo__tune=tune)
