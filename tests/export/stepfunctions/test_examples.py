"""The bundled churn pipelines as state machines: a model is trained, registered, approved, and used."""

from __future__ import annotations

from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.lookup.approved_model import find_approved
from tests.compiler.compiling import example_graphs
from tests.export.emulated_states import Plan
from tests.export.step_functions import Engine, Execution

Json = dict[str, Any]
pytestmark = pytest.mark.slow
REPORT = "model_evaluation_metrics.json"
GOOD, BAD = 0.84, 0.61


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CompiledPipeline]:
    store = tmp_path_factory.mktemp("store")
    wanted = ("churn-lightgbm", "churn-batch")
    return {g.name: compile_pipeline(g, store) for g in example_graphs() if g.name in wanted}


def trained(engine: Engine, churn: dict[str, CompiledPipeline], auc: float) -> Execution:
    """Train, with a report of this quality."""
    metrics = {"binary_classification_metrics": {"auc": {"value": auc}}}
    engine.put(f"churn-lightgbm/evaluation/{engine.next_id()}/{REPORT}", metrics)
    return engine.run(churn["churn-lightgbm"])


def scored(engine: Engine, churn: dict[str, CompiledPipeline], report: Json) -> Execution:
    """Score with the approved version, which the function's own code looks up."""
    engine.put(f"churn-batch/evaluation/{engine.next_id()}/{REPORT}", report)

    def look_up(event: Json) -> Json:
        return find_approved(event, engine.sagemaker, engine.s3)

    return engine.run(churn["churn-batch"], Plan(function=look_up))


def approve_all(engine: Engine) -> str:
    """Approve what is registered, and return the latest version's ARN."""
    found = engine.sagemaker.list_model_packages(ModelPackageGroupName="churn-lightgbm")
    arns = [item["ModelPackageArn"] for item in found["ModelPackageSummaryList"]]
    for arn in arns:
        engine.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    return str(sorted(arns)[-1])


def test_a_trained_model_is_registered_approved_and_used(
    engine: Engine, churn: dict[str, CompiledPipeline]
) -> None:
    first = trained(engine, churn, GOOD)
    assert (first.status, first.cause) == ("SUCCEEDED", "")
    (kept,) = first.called("createModelPackage")
    assert kept.request["CustomerMetadataProperties"]["PIPELINE_ARN"].endswith(f":{first.id}")
    arn = approve_all(engine)
    done = scored(engine, churn, {"invalid": 0, "at_risk": {"share": 0.2}})
    assert (done.status, done.cause) == ("SUCCEEDED", "")
    (made,) = done.called("createModel")
    assert made.request["PrimaryContainer"]["ModelPackageName"] == arn
    assert [call.state for call in done.called("createProcessingJob")][-1] == "batch-offers"


def test_a_model_that_is_not_good_enough_is_refused_with_its_quality(
    engine: Engine, churn: dict[str, CompiledPipeline]
) -> None:
    done = trained(engine, churn, BAD)
    assert (done.status, done.error) == ("FAILED", "churn-refuse")
    assert done.cause == f"AUC {BAD} is below 0.8"
    assert not done.called("createModelPackage")


def test_implausible_predictions_make_no_offers(
    engine: Engine, churn: dict[str, CompiledPipeline]
) -> None:
    trained(engine, churn, GOOD)
    approve_all(engine)
    done = scored(engine, churn, {"invalid": 3, "at_risk": {"share": 0.2}})
    assert done.error == "batch-refuse"
    assert done.cause.startswith(
        "3 predictions are none, and the share of customers at risk is 0.2"
    )


@pytest.mark.parametrize("step", ["churn-training", "churn-transform", "churn-metrics"])
def test_each_job_that_fails_ends_the_execution_with_its_reason(
    step: str, engine: Engine, churn: dict[str, CompiledPipeline]
) -> None:
    plan = Plan(ends={step: ["AlgorithmError: exit code 1"]})
    done = engine.run(churn["churn-lightgbm"], plan)
    assert (done.status, done.cause) == ("FAILED", f"{step}: AlgorithmError: exit code 1")
    assert done.states()[-1] == step


def test_a_batch_without_an_approved_version_fails_beside_its_sibling(
    engine: Engine, churn: dict[str, CompiledPipeline]
) -> None:
    def nothing(event: Json) -> Json:
        raise LookupError(f"{event['ModelPackageGroupName']} has no approved version")

    done = engine.run(churn["churn-batch"], Plan(function=nothing))
    expected = "batch-approved: churn-lightgbm has no approved version"
    assert (done.status, done.cause) == ("FAILED", expected)
    assert sorted(done.states()) == ["batch-approved", "batch-prepare"]
