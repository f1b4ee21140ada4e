"""Compiled pipelines written by hand: the shapes that pictures and listings must show well."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.picture.dag import Dag, read_dag

Json = dict[str, Any]


def step(
    name: str, kind: str, reads: tuple[str, ...] = (), after: tuple[str, ...] = (), **more: Any
) -> Json:
    """A step that reads the outputs of some steps and waits for others."""
    arguments: Json = {"Inputs": [{"Get": f"Steps.{source}.Output"} for source in reads]}
    if kind == "Processing":
        cluster = {"InstanceType": "ml.m5.2xlarge", "InstanceCount": 1}
        arguments["ProcessingResources"] = {"ClusterConfig": cluster}
    if kind == "Training":
        arguments["ResourceConfig"] = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2}
    if kind == "Transform":
        arguments["TransformResources"] = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    value = {"Name": name, "Type": kind, "Arguments": arguments, **more}
    return {**value, "DependsOn": list(after)} if after else value


CACHED: Json = {"CacheConfig": {"Enabled": True, "ExpireAfter": "10d"}}


def pipeline(name: str, *steps: Json) -> CompiledPipeline:
    definition = {"Version": "2020-12-01", "Parameters": [], "Steps": list(steps)}
    return CompiledPipeline(name=name, definition=definition, code=(), code_store=Path("store"))


def gate(name: str, holds: Json, otherwise: Json) -> Json:
    """A condition on a report of the step `metrics`, with one step in each branch."""
    read = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.metrics.PropertyFiles.r"}, "Path": "a"}}
    condition = {"Type": "GreaterThan", "LeftValue": read, "RightValue": 0.7}
    arguments = {"Conditions": [condition], "IfSteps": [holds], "ElseSteps": [otherwise]}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


@pytest.fixture
def gated() -> Dag:
    """A gate: what it lets run reads data of other steps too."""
    return read_dag(
        pipeline(
            "gated",
            step("metrics", "Processing"),
            gate(
                "gate",
                step("register", "RegisterModel", ("metrics",)),
                step("refuse", "Fail", (), ("metrics",)),
            ),
        )
    )


@pytest.fixture
def housing_pipeline() -> CompiledPipeline:
    return pipeline(
        "housing",
        step("pca-Preprocessing", "Processing", **CACHED),
        step("pca-Training", "Training", ("pca-Preprocessing",), **CACHED),
        step("pca-Register-RegisterModel", "RegisterModel", ("pca-Training",)),
        step("mlp-Preprocessing", "Processing", ("pca-Training",), **CACHED),
        step("mlp-Training", "Training", ("mlp-Preprocessing",), **CACHED),
        step("mlp-Model-CreateModel", "Model", ("mlp-Training",)),
        step("mlp-Transform", "Transform", ("mlp-Preprocessing", "mlp-Model-CreateModel")),
        step("mlp-Metrics", "Processing", ("mlp-Preprocessing", "mlp-Transform")),
        step(
            "mlp-Register-RegisterModel",
            "RegisterModel",
            ("mlp-Training", "mlp-Metrics"),
            ("mlp-Metrics", "pca-Register-RegisterModel"),
        ),
    )


@pytest.fixture
def housing(housing_pipeline: CompiledPipeline) -> Dag:
    names = [item["Name"] for item in housing_pipeline.steps()]
    return read_dag(
        housing_pipeline,
        {name: "housing_pca" if name.startswith("pca") else "housing_mlp" for name in names},
    )


@pytest.fixture
def churn() -> Dag:
    compiled = pipeline(
        "churn-lightgbm",
        step("churn-Training", "Training", **CACHED),
        step("churn-CreateModel-CreateModel", "Model", ("churn-Training",)),
        step("churn-Transform", "Transform", ("churn-CreateModel-CreateModel",), **CACHED),
        step("churn-Metrics", "Processing", ("churn-Transform",)),
        step("churn-Register-RegisterModel", "RegisterModel", ("churn-Training", "churn-Metrics")),
    )
    return read_dag(compiled, {item["Name"]: "churn_lightgbm" for item in compiled.steps()})


@pytest.fixture
def forty_steps() -> Dag:
    """Eight models of five steps; some read across models, some only wait."""
    chance = random.Random(7)
    kinds = ("Processing", "Training", "Model", "Transform", "RegisterModel")
    steps: list[Json] = []
    model_of: dict[str, str] = {}
    for model in range(8):
        for index, kind in enumerate(kinds):
            name = f"model-{model}-{kind}"
            own = (f"model-{model}-{kinds[index - 1]}",) if index else ()
            others = [item["Name"] for item in steps if not item["Name"].startswith(name[:8])]
            reads = own + tuple(
                chance.sample(others, 1) if others and chance.random() < 0.3 else ()
            )
            after = tuple(chance.sample(others, 1) if others and chance.random() < 0.15 else ())
            steps.append(step(name, kind, reads, after))
            model_of[name] = f"model_{model}"
    return read_dag(pipeline("forty-steps", *steps), model_of)
