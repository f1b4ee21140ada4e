"""What starts a pipeline by itself, from the configuration to values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smp.compiler.cache.compile_all import inputs_of
from smp.compiler.compile import compile_pipeline
from smp.compiler.render_triggers import render_triggers
from smp.config.load import load_project
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.plan import plan_permissions
from smp.definition.triggers import (
    ApprovedModel,
    DataArrival,
    Schedule,
    Trigger,
    rule_name,
    schedule_group_name,
)
from smp.errors import CompileError
from smp.graph import PipelineGraph, build_graph
from tests.graph.workspace import load

PIPELINE = """\
conf:
  sagemakerPipeline:
    pipelineName: Demo
    parameters:
      - {name: rounds, type: Integer, default: 3}
      - {name: share, type: Float, default: 0.5}
      - {name: dry, type: Boolean, default: false}
      - {name: input-key, default: none}
    triggers:
TRIGGERS
    models: {demo: {steps: [{step_name: fit, step_class: Training}]}}
"""
UPSTREAM = """\
conf:
  projectName: shop
  sagemakerPipeline:
    pipelineName: upstream
    models:
      other:
        steps:
          - {step_name: fit, step_class: Training}
          - {step_name: register, step_class: RegisterModel}
"""


def graph(workspace: Path, *triggers: str, upstream: str = UPSTREAM) -> PipelineGraph:
    text = PIPELINE.replace("TRIGGERS", "\n".join(f"      - {trigger}" for trigger in triggers))
    file = workspace / "model_configs/upstream/conf/conf.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(upstream)
    load(workspace, text)
    return build_graph(load_project(workspace), "Demo")


def compiled(workspace: Path, *triggers: str) -> CompiledPipeline:
    return compile_pipeline(graph(workspace, *triggers), workspace / "store")


def only(workspace: Path, trigger: str) -> Trigger:
    (found,) = compiled(workspace, trigger).triggers
    return found


def test_a_schedule_is_in_its_time_zone_and_sets_texts(tmp_path: Path) -> None:
    assert only(
        tmp_path,
        "{name: nightly, type: schedule, cron: 0  6 ? * MON-FRI *, timezone: Europe/Berlin, "
        'parameters: {rounds: 5, share: 0.25, dry: true, input-key: "7"}}',
    ) == Schedule(
        "nightly",
        parameters={"rounds": "5", "share": "0.25", "dry": "true", "input-key": "7"},
        expression="cron(0 6 ? * MON-FRI *)",
        timezone="Europe/Berlin",
    )


def test_times_without_a_zone_are_in_utc(tmp_path: Path) -> None:
    found = only(tmp_path, "{name: nightly, type: schedule, cron: 0 6 * * ? *}")
    assert isinstance(found, Schedule)
    assert found.timezone == "UTC"


def test_a_rate_has_no_zone_and_its_ends_are_in_utc(tmp_path: Path) -> None:
    assert only(
        tmp_path,
        "{name: often, type: schedule, rate: 1 hour, enabled: false, "
        'start: "2030-01-01T08:00:00+02:00", end: "2031-01-01T00:00:00Z"}',
    ) == Schedule(
        "often",
        enabled=False,
        expression="rate(1 hour)",
        start="2030-01-01T06:00:00Z",
        end="2031-01-01T00:00:00Z",
    )


def test_data_arrives_in_the_projects_bucket_or_another(tmp_path: Path) -> None:
    own, named, other = compiled(
        tmp_path,
        '{name: a, type: data, prefix: in/, suffix: .csv, parameters: {input-key: "${event.key}"}}',
        "{name: b, type: data, prefix: in/, bucket: SMP_S3BUCKETNAME}",
        "{name: c, type: data, prefix: in/, bucket: partner-data}",
    ).triggers
    assert own == DataArrival(
        "a", parameters={"input-key": "${event.key}"}, prefix="in/", suffix=".csv"
    )
    assert isinstance(named, DataArrival)
    assert named.bucket == "${smp:bucket}"
    assert isinstance(other, DataArrival)
    assert other.bucket == "partner-data"


def test_a_model_is_named_by_its_group_or_by_its_pipeline(tmp_path: Path) -> None:
    by_pipeline, by_group = compiled(
        tmp_path,
        "{name: a, type: approved_model, pipeline: upstream, model: other}",
        "{name: b, type: approved_model, model_package_group: elsewhere}",
    ).triggers
    assert by_pipeline == ApprovedModel("a", model_package_group="shop-other")
    assert by_group == ApprovedModel("b", model_package_group="elsewhere")


def test_the_group_of_another_pipeline_counts_for_what_is_kept(tmp_path: Path) -> None:
    trigger = "{name: a, type: approved_model, pipeline: upstream, model: other}"
    renamed = UPSTREAM.replace("projectName: shop", "projectName: store")
    keys = [
        inputs_of(graph(tmp_path, trigger, upstream=text), CodeStore(tmp_path / "store")).key
        for text in (UPSTREAM, renamed)
    ]
    assert keys[0] != keys[1]


def test_a_trigger_starts_the_first_target_or_the_one_that_it_names(tmp_path: Path) -> None:
    targets = UPSTREAM.replace(
        "    models:",
        "    targets: [stepfunctions, airflow]\n"
        "    triggers:\n"
        "      - {name: first, type: data, prefix: in/}\n"
        "      - {name: second, type: schedule, rate: 6 hours, target: airflow}\n"
        "    models:",
    )
    graph(tmp_path, upstream=targets)
    upstream = build_graph(load_project(tmp_path), "upstream")
    assert [trigger.target for trigger in render_triggers(upstream)] == ["stepfunctions", "airflow"]
    compiled = compile_pipeline(upstream, tmp_path / "store")
    assert compiled.targets == ("stepfunctions", "airflow")
    again = CompiledPipeline.from_json(compiled.to_json(), tmp_path / "store")
    assert (again.targets, again.triggers) == (compiled.targets, compiled.triggers)


def test_step_functions_takes_parameter_names_and_values_that_rules_do_not(tmp_path: Path) -> None:
    upstream = UPSTREAM.replace(
        "    models:",
        "    targets: stepfunctions\n"
        "    parameters: [{name: input_key, default: none}, {name: path, default: none}]\n"
        "    triggers:\n"
        "      - name: sales\n"
        "        type: data\n"
        "        prefix: in/\n"
        "        parameters: {input_key: '${event.key}', path: $.x}\n"
        "    models:",
    )
    graph(tmp_path, upstream=upstream)
    (trigger,) = render_triggers(build_graph(load_project(tmp_path), "upstream"))
    assert trigger.parameters == {"input_key": "${event.key}", "path": "$.x"}


def test_triggers_survive_json_and_older_json_has_none(tmp_path: Path) -> None:
    pipeline = compiled(
        tmp_path,
        "{name: a, type: schedule, rate: 6 hours, enabled: false}",
        '{name: b, type: data, prefix: in/, parameters: {input-key: "${event.key}"}}',
        "{name: c, type: approved_model, model_package_group: elsewhere}",
    )
    text = pipeline.to_json()
    read = CompiledPipeline.from_json(text, pipeline.code_store)
    assert read == pipeline
    assert read.to_json() == text
    older = {key: value for key, value in json.loads(text).items() if key != "triggers"}
    assert CompiledPipeline.from_json(json.dumps(older), pipeline.code_store).triggers == ()


@pytest.mark.parametrize("prefix", ["models/", "m", "models/Demo/fit/x"])
def test_fails_for_data_that_the_pipeline_itself_writes(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(tmp_path, f"{{name: a, type: data, prefix: {prefix}}}")
    assert "the pipeline itself writes there" in str(caught.value)
    assert "conf.sagemakerPipeline.triggers[0].prefix" in str(caught.value)


def test_the_same_prefix_of_another_bucket_is_no_loop(tmp_path: Path) -> None:
    only(tmp_path, "{name: a, type: data, prefix: models/, bucket: partner-data}")


def test_each_role_may_start_this_pipeline_and_a_schedule_keep_what_failed(tmp_path: Path) -> None:
    pipeline = compiled(
        tmp_path,
        "{name: a, type: schedule, rate: 6 hours}",
        "{name: b, type: data, prefix: in/}",
        "{name: c, type: data, prefix: out/, enabled: false}",
    )
    permissions = plan_permissions(pipeline)
    granted = {
        name: {
            statement.sid: (tuple(statement.actions), tuple(statement.resources))
            for statement in own
        }
        for name, own in permissions.triggers.items()
    }
    place = "arn:${smp:partition}:sagemaker:${smp:region}:${smp:account_id}:pipeline"
    start = (("sagemaker:StartPipelineExecution",), (f"{place}/Demo", f"{place}/demo"))
    assert granted == {
        "a": {
            "StartPipeline": start,
            "KeepFailedStarts": (("sqs:SendMessage",), ("${smp:trigger_queue_arn}",)),
            "UseKey": (("kms:Decrypt", "kms:GenerateDataKey"), ("${smp:kms_key_arn}",)),
        },
        "b": {"StartPipeline": start},
    }
    without = plan_permissions(
        compiled(tmp_path / "none", "{name: c, type: data, prefix: out/, enabled: false}")
    )
    assert without.triggers == {}
    assert (without.job, without.pipeline) == (permissions.job, permissions.pipeline)


def test_names_of_rules_and_groups_fit_and_differ() -> None:
    long = "p" * 256
    names = [rule_name(long, "a"), rule_name(long, "b"), schedule_group_name(long)]
    assert len(set(names)) == 3
    assert max(map(len, names)) <= 64
    assert rule_name("churn", "nightly") == "churn-nightly"
    assert schedule_group_name("churn") == "churn"
