"""The role of Airflow's workers: jobs by name, one role to hand on, no data."""

from __future__ import annotations

import pytest

from smp.export.airflow import dag_permissions, serverless_permissions
from tests.export import definitions as d
from tests.export.airflow.deployment import example, examples
from tests.export.airflow.fitting import fitting_pipeline


def test_only_the_job_role_is_handed_on_and_only_to_sagemaker() -> None:
    for compiled in examples():
        passing = [s for s in dag_permissions(compiled) if "iam:PassRole" in s.actions]
        (statement,) = passing
        assert list(statement.resources) == ["${smp:role_arn}"]
        service = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        assert statement.conditions == service


def test_no_action_and_no_resource_is_a_star_and_each_wildcard_has_its_reason() -> None:
    for compiled in examples():
        statements = dag_permissions(compiled)
        assert len({statement.sid for statement in statements}) == len(statements)
        for statement in statements:
            assert not any("*" in action for action in statement.actions)
            assert "*" not in statement.resources
            stars = any("*" in resource for resource in statement.resources)
            assert bool(statement.wildcard) or not stars


def test_jobs_are_named_by_their_steps() -> None:
    jobs = {s.sid: s.resources for s in dag_permissions(example("churn-lightgbm"))}
    (training,) = jobs["RunTrainingJobs"]
    assert training.endswith(":training-job/churn-lightgbm-churn-training-*")


def test_property_files_alone_are_read_where_nothing_is_registered() -> None:
    compiled = d.pipeline(
        d.processing("a"),
        d.condition("c", [d.compare(d.value_of("a", "x"), "Equals", 1)], [d.training("b")]),
    )
    reading = [s for s in dag_permissions(compiled) if "s3:GetObject" in s.actions]
    (statement,) = reading
    assert list(statement.resources) == [
        "arn:${smp:partition}:s3:::${smp:bucket}/out/*/a/report.json"
    ]


@pytest.mark.parametrize("name", ["churn-batch"])
def test_a_lookup_needs_no_function(name: str) -> None:
    actions = {a for s in dag_permissions(example(name)) for a in s.actions}
    assert "sagemaker:ListModelPackages" in actions
    assert "lambda:InvokeFunction" not in actions


def test_a_workflow_of_mwaa_serverless_looks_at_inputs_too() -> None:
    compiled = fitting_pipeline()
    more = {s.sid for s in serverless_permissions(compiled)} - {
        s.sid for s in dag_permissions(compiled)
    }
    assert "ReadData" in more
