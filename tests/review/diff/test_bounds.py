"""The upper bound of a run's hours and cost, from limits that stand in the definition or the service's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.prices import Prices
from smp.review.diff.bounds import compare_bounds, cost
from smp.review.diff.changes import Bound
from smp.review.diff.time_words import bounds_headline, cost_words

PRICES = Prices("2026-11-20", "eu-west-1", "USD", {"training": {"ml.m5.xlarge": 0.25}})


def pipeline(*steps: Json, parameters: tuple[Json, ...] = ()) -> CompiledPipeline:
    definition = {"Parameters": list(parameters), "Steps": list(steps)}
    return CompiledPipeline(name="p", definition=definition, code=(), code_store=Path())


def job(kind: str, name: str = "a", **arguments: Any) -> Json:
    return {"Name": name, "Type": kind, "Arguments": arguments}


def training(count: Any = 1, seconds: Any = 3600, instance: Any = "ml.m5.xlarge") -> Json:
    limit: Json = {} if seconds is None else {"MaxRuntimeInSeconds": seconds}
    return {
        "ResourceConfig": {"InstanceType": instance, "InstanceCount": count},
        "StoppingCondition": limit,
    }


def bounds(*steps: Json, parameters: tuple[Json, ...] = ()) -> tuple[Bound, ...]:
    return compare_bounds(None, pipeline(*steps, parameters=parameters), None).after


def test_jobs_of_a_kind_on_a_type_add_up() -> None:
    assert bounds(
        job("Training", "a", **training(2, 1800)), job("Training", "b", **training(1, 7200))
    ) == (Bound("training", "ml.m5.xlarge", 3.0),)


@pytest.mark.parametrize("kind", ["Training", "Processing"])
def test_without_a_limit_the_service_s_own_counts_and_is_named(kind: str) -> None:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    resources = {"ClusterConfig": cluster}
    arguments: Json = {"ResourceConfig": cluster, "ProcessingResources": resources}
    (bound,) = bounds(job(kind, **arguments))
    assert bound.hours == 48.0
    assert bound.notes == (f"{kind.lower()} without a limit: the service's 24 h",)


def test_a_transform_job_has_no_limit() -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 4}
    found = bounds(job("Transform", TransformResources=resources))
    assert found == (Bound("transform", "ml.m5.large", None),)


def test_tuning_counts_every_job_that_it_may_start() -> None:
    limits = {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 3}
    config = {"ResourceLimits": limits}
    one = job("Tuning", HyperParameterTuningJobConfig=config, TrainingJobDefinition=training(2))
    assert bounds(one) == (Bound("training", "ml.m5.xlarge", 24.0),)
    unlimited = job("Tuning", HyperParameterTuningJobConfig={}, TrainingJobDefinition=training())
    assert bounds(unlimited) == (Bound("training", "ml.m5.xlarge", None),)


def test_groups_of_instances_count_each() -> None:
    groups = [
        {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
        {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
    ]
    arguments = {**training(), "ResourceConfig": {"InstanceGroups": groups}}
    found = bounds(job("Training", **arguments))
    assert found == (
        Bound("training", "ml.c5.xlarge", 1.0),
        Bound("training", "ml.m5.xlarge", 2.0),
    )


def test_a_parameter_counts_with_its_default() -> None:
    parameters = (
        {"Name": "Type", "Type": "String", "DefaultValue": "ml.m5.4xlarge"},
        {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
    )
    arguments = training({"Get": "Parameters.Count"}, 3600, {"Get": "Parameters.Type"})
    found = bounds(job("Training", **arguments), parameters=parameters)
    assert found == (Bound("training", "ml.m5.4xlarge", 3.0),)


def test_what_only_an_execution_knows_has_no_bound() -> None:
    arguments = training({"Get": "Parameters.Count"}, 3600, {"Get": "Steps.x.Type"})
    assert bounds(job("Training", **arguments)) == (Bound("training", "unknown", None),)


def test_steps_inside_a_condition_count_too() -> None:
    inside = job("Training", **training())
    gate = {"Name": "gate", "Type": "Condition", "Arguments": {"IfSteps": [inside]}}
    assert bounds(gate) == (Bound("training", "ml.m5.xlarge", 1.0),)


def test_retries_are_not_in_it_and_that_is_said() -> None:
    step = {**job("Training", **training()), "RetryPolicies": [{"MaxAttempts": 3}]}
    (bound,) = bounds(step)
    assert bound.notes == ("not counting retries",)


def test_the_cost_names_what_it_lacks_and_the_day_of_its_prices() -> None:
    before = pipeline(job("Training", **training(2)))
    after = pipeline(
        job("Training", **training(4)),
        job("Training", "b", **training(1, 3600, "ml.p4d.24xlarge")),
    )
    compared = compare_bounds(before, after, PRICES)
    assert (cost(compared.before), cost(compared.after)) == (0.5, 1.0)
    assert cost_words(compared) == (
        "cost at most 0.50 USD → 1.00 USD and what is unknown (prices of eu-west-1, 2026-11-20);"
        " price unknown: training on ml.p4d.24xlarge"
    )
    assert bounds_headline(compared) == "at most 2 → 5 instance-hours an execution"


def test_without_a_price_file_the_cost_is_unknown() -> None:
    compared = compare_bounds(None, pipeline(job("Training", **training())), None)
    assert cost_words(compared) == "cost unknown: the workspace has no prices.json"


@pytest.mark.parametrize("kind", ["Training", "Processing", "Transform"])
def test_a_type_that_only_an_execution_knows_is_unknown(kind: str) -> None:
    cluster = {"InstanceType": {"Get": "Parameters.Type"}, "InstanceCount": 1}
    arguments: Json = {
        "ResourceConfig": cluster,
        "ProcessingResources": {"ClusterConfig": cluster},
        "TransformResources": cluster,
    }
    (bound,) = bounds(job(kind, **arguments), parameters=({"Name": "Type", "Type": "String"},))
    assert bound.instance_type == "unknown"
