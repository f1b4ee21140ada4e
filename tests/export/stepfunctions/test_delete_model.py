"""A state machine deletes a model itself, and a model that is gone is not a failure."""

from __future__ import annotations

from typing import Any

import pytest

from smp.export.stepfunctions import render_state_machine, state_machine_permissions
from tests.export import definitions as d
from tests.export.emulated_states import Plan
from tests.export.step_functions import Engine

PIPELINE = d.pipeline(
    d.training("fit"),
    d.model("make", "fit"),
    d.transform("predict", "make"),
    d.delete_model("remove", "make", DependsOn=["predict"]),
)
GONE = '!SageMaker.SageMakerException: Could not find model "arn:aws:sagemaker:model/make".'
DENIED = "!SageMaker.SageMakerException: not authorized to perform sagemaker:DeleteModel"


def names(engine: Engine) -> list[str]:
    return [item["ModelName"] for item in engine.sagemaker.list_models()["Models"]]


def test_the_model_is_deleted_after_its_last_use(engine: Engine) -> None:
    before = names(engine)
    done = engine.run(PIPELINE)
    assert (done.status, done.cause) == ("SUCCEEDED", "")
    (made,), (deleted,) = done.called("createModel"), done.called("deleteModel")
    (used,) = done.called("createTransformJob")
    assert deleted.request == {"ModelName": made.request["ModelName"]}
    assert deleted.began > used.ended
    assert names(engine) == before


def test_a_model_that_is_gone_is_no_failure(engine: Engine) -> None:
    done = engine.run(PIPELINE, Plan(ends={"remove": [GONE]}))
    assert (done.status, done.cause) == ("SUCCEEDED", "")


def test_fails_where_the_model_may_not_be_deleted(engine: Engine) -> None:
    done = engine.run(PIPELINE, Plan(ends={"remove": [DENIED]}))
    assert done.status == "FAILED"
    assert "remove: " in done.cause
    assert "not authorized" in done.cause


def test_the_role_may_delete_the_models_that_it_makes_and_calls_no_function() -> None:
    statements: dict[str, Any] = {one.sid: one for one in state_machine_permissions(PIPELINE)}
    assert statements["DeleteModels"].actions == ["sagemaker:DeleteModel"]
    assert statements["DeleteModels"].resources == statements["MakeModels"].resources
    assert "CallFunctions" not in statements
    assert "lambda:invoke" not in str(render_state_machine(PIPELINE))


@pytest.mark.parametrize("kind", ["Model", "Training"])
def test_a_role_without_such_a_step_deletes_nothing(kind: str) -> None:
    steps = [d.training("fit"), *([d.model("make", "fit")] if kind == "Model" else [])]
    found = {one.sid for one in state_machine_permissions(d.pipeline(*steps))}
    assert "DeleteModels" not in found
