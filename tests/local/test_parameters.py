"""What a run gives to a pipeline's parameters reaches its jobs."""

from __future__ import annotations

from typing import Any

from tests.local.pipelines import Workspace, log_of

DECLARED: list[dict[str, Any]] = [
    {"Name": "Rows", "Type": "Integer", "DefaultValue": 10},
]


def test_parameters_and_the_execution_reach_the_script(workspace: Workspace) -> None:
    step = workspace.processing(
        "step",
        "import sys; print(*sys.argv[1:])",
        arguments=[
            {"Std:Join": {"On": "-", "Values": ["rows", {"Get": "Parameters.Rows"}, True, 0.5]}},
            {"Get": "Execution.PipelineName"},
            {"Get": "Execution.PipelineExecutionId"},
        ],
    )
    pipeline = workspace.pipeline(step, parameters=DECLARED)
    run = workspace.run(pipeline, {"Rows": "7"})

    assert log_of(run, "step") == f"rows-7-true-0.5 test-pipeline {run.id}\n"
    assert run.record().parameters == {"Rows": 7}
