"""ClarifyCheck steps in the definition, their files, what a version keeps of them, and permissions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.compiler.sdk.constants import to_names
from smp.compiler.sdk.offline_session import OfflineSession, offline_environment
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.plan import plan_permissions
from smp.definition.request_check import check_step_request
from smp.graph import build_graph
from smp.review.diff.changes import Section
from smp.review.diff.compare import compare_pipelines
from tests.compiler.compiling import arguments, compile_demo, demo_graph, step
from tests.graph.workspace import load, pipeline_of

BIAS = "label: churned, label_values_or_threshold: [1], facet: [{name_or_index: sex}]"
DATA = f"data: ClarifyCheck, check: data_bias, baseline_dataset: 's3://data/x.csv', {BIAS}"
MADE = "fit: Training\nserve: CreateModel\n"
MODEL = (
    "model: ClarifyCheck, check: model_bias, baseline_dataset: 's3://data/x.csv', "
    f"{BIAS}, headers: [churned, sex, age], probability_threshold: 0.7"
)
WHY = (
    "why: ClarifyCheck, check: model_explainability, baseline_dataset: 's3://data/x.csv', "
    "label: churned, headers: [churned, sex, age]"
)


def config_of(compiled: CompiledPipeline, name: str) -> Any:
    """Return the configuration of the analysis that a step's job reads."""
    (uri,) = (
        item["S3Input"]["S3Uri"]
        for item in arguments(compiled, name)["ProcessingInputs"]
        if item["InputName"] == "analysis_config"
    )
    return file_at(compiled, uri)


def file_at(compiled: CompiledPipeline, uri: str) -> Any:
    """Return the content of a file of the pipeline's code."""
    _, _, place = uri.partition("/code/")
    return json.loads((compiled.code_store / place).read_text())


def test_bias_of_data_in_the_definition(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, f"{DATA}, env: {{LEVEL: 3}}, tags: [{{Key: a, Value: b}}]")
    found = step(compiled, "data")
    assert {key: value for key, value in found.items() if key != "Arguments"} == {
        "Name": "data",
        "Type": "ClarifyCheck",
        "CheckType": "DATA_BIAS",
        "ModelPackageGroupName": "demo-demo",
        "SkipCheck": False,
        "FailOnViolation": True,
        "RegisterNewBaseline": False,
    }
    request = found["Arguments"]
    config, data = request["ProcessingInputs"]
    assert config["S3Input"]["S3Uri"].startswith("s3://${smp:bucket}/code/")
    assert data == {
        "InputName": "dataset",
        "S3Input": {
            "S3Uri": "s3://data/x.csv",
            "LocalPath": "/opt/ml/processing/input/data",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }
    place = ["s3://${smp:bucket}/executions", "demo", {"Get": "Execution.PipelineExecutionId"}]
    (output,) = request["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == {
        "Std:Join": {"On": "/", "Values": [*place, "data", "output", "results"]}
    }
    assert request["ProcessingOutputConfig"]["KmsKeyId"] == "${smp:kms_key_arn}"
    assert request["Environment"] == {"LEVEL": "3"}
    assert request["Tags"] == [{"Key": "a", "Value": "b"}]
    assert request["NetworkConfig"] == {
        "EnableInterContainerTrafficEncryption": True,
        "EnableNetworkIsolation": False,
        "VpcConfig": {
            "SecurityGroupIds": ["${smp:security_group_ids}"],
            "Subnets": ["${smp:subnets}"],
        },
    }
    assert request["AppSpecification"] == {"ImageUri": "${smp:image.clarify-processing-1.0}"}
    assert compiled.images["clarify-processing-1.0"]["eu-west-1"] == (
        "131013547314.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-clarify-processing:1.0"
    )


def test_the_configuration_of_an_analysis_is_a_file_of_the_pipeline_by_its_content(
    tmp_path: Path,
) -> None:
    first = compile_demo(tmp_path / "one", DATA)
    assert config_of(first, "data") == {
        "dataset_type": "text/csv",
        "label": "churned",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex"}],
        "methods": {
            "pre_training_bias": {"methods": "all"},
            "report": {"name": "report", "title": "Analysis Report"},
        },
    }
    assert {tree.origin for tree in first.code} == {"analysis of data"}
    assert compile_demo(tmp_path / "two", DATA).definition == first.definition
    other = compile_demo(tmp_path / "three", f"{DATA}, methods: [DPL, KS]")
    assert other.definition != first.definition
    assert config_of(other, "data")["methods"]["pre_training_bias"] == {"methods": ["DPL", "KS"]}


def test_bias_of_a_model_asks_the_model_of_the_step_before(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        f"{MADE}{MODEL}, predictor: {{instance_type: ml.c5.xlarge, probability: 0, "
        "label_headers: [stays, churns]}",
    )
    found = step(compiled, "model")
    assert found["CheckType"] == "MODEL_BIAS"
    assert found["ModelName"] == {"Get": "Steps.serve-CreateModel.ModelName"}
    assert compiled.edges()["model"] == ("serve-CreateModel",)
    content = config_of(compiled, "model")
    assert content["predictor"] == {
        "instance_type": "ml.c5.xlarge",
        "initial_instance_count": 1,
        "probability": 0,
        "label_headers": ["stays", "churns"],
    }
    assert content["probability_threshold"] == 0.7
    assert content["methods"]["post_training_bias"] == {"methods": "all"}


def test_an_explanation_says_how(tmp_path: Path) -> None:
    rows = "baseline: [[f, 30], [m, 40.5]], num_samples: 50, seed: 7, features_to_explain: [age]"
    config = demo_graph(tmp_path, f"{MADE}{WHY}, shap: {{{rows}}}").node("why").config
    assert config.model_dump(mode="json")["shap"]["baseline"] == [["f", 30], ["m", 40.5]]
    content = config_of(compile_demo(tmp_path, f"{MADE}{WHY}, shap: {{{rows}}}"), "why")
    assert content["methods"]["shap"] == {
        "baseline": [["f", 30], ["m", 40.5]],
        "num_samples": 50,
        "agg_method": "mean_abs",
        "use_logit": False,
        "save_local_shap_values": True,
        "seed": 7,
        "features_to_explain": ["age"],
    }


def test_a_file_may_name_the_bucket_of_the_deployment(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path, f"{MADE}{WHY}, shap: {{baseline: 's3://SMP_S3BUCKETNAME/rows.csv'}}"
    )
    shap = config_of(compiled, "why")["methods"]["shap"]
    assert shap["baseline"] == "s3://${smp:bucket}/rows.csv"
    (tree,) = (tree for tree in compiled.code if tree.origin == "analysis of why")
    assert [file.is_template for file in tree.files] == [True]
    (reads,) = (s for s in plan_permissions(compiled).data if s.sid == "ReadData")
    assert "arn:${smp:partition}:s3:::${smp:bucket}/rows.csv" in reads.resources


def test_what_the_sdk_s_own_step_would_say(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, f"{MADE}{MODEL}, skip_check: true")
    from sagemaker.core import clarify
    from sagemaker.mlops.workflow import clarify_check_step as sdk
    from sagemaker.mlops.workflow.check_job_config import CheckJobConfig

    with offline_environment():
        session = OfflineSession(CodeStore(tmp_path / "sdk"))
        own = sdk.ClarifyCheckStep(
            name="model",
            clarify_check_config=sdk.ModelBiasCheckConfig(
                data_config=clarify.DataConfig(
                    s3_data_input_path="s3://data/x.csv",
                    s3_output_path="s3://output",
                    s3_analysis_config_output_path=f"s3://{session.default_bucket()}/config",
                    label="churned",
                    headers=["churned", "sex", "age"],
                ),
                data_bias_config=clarify.BiasConfig([1], "sex"),
                model_config=clarify.ModelConfig("m", 1, "ml.m5.large"),
                model_predicted_label_config=clarify.ModelPredictedLabelConfig(
                    probability_threshold=0.7
                ),
            ),
            check_job_config=CheckJobConfig(
                role=session.role, sagemaker_session=session, max_runtime_in_seconds=3600
            ),
            skip_check=True,
        )
        request = to_names(json.loads(json.dumps(own.to_request())))
        monitored = own.clarify_check_config.monitoring_analysis_config_uri
    found = step(compiled, "model")
    assert {key for key, value in request.items() if value is not None} == {
        *found,
        "ModelName",
    } - {"ModelPackageGroupName"}
    mine, theirs = found["Arguments"], request["Arguments"]
    assert [item["S3Input"] | {"S3Uri": ""} for item in mine["ProcessingInputs"]] == [
        item["S3Input"] | {"S3Uri": ""} for item in theirs["ProcessingInputs"]
    ]
    (uri,) = (
        item["S3Input"]["S3Uri"]
        for item in theirs["ProcessingInputs"]
        if item["InputName"] == "analysis_config"
    )
    content = json.loads((tmp_path / "sdk" / uri.partition("/code/")[2]).read_text())
    assert config_of(compiled, "model") == content
    assert monitored.endswith("analysis_config.json")


def test_a_version_keeps_baselines_and_how_they_were_made(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, f"{MADE}{DATA}\n{MODEL}\n{WHY}\nkeep: RegisterModel")
    request = arguments(compiled, "keep-RegisterModel")
    assert request["ModelMetrics"] == {
        "Bias": {
            "PreTrainingReport": source("data", "CalculatedBaselineConstraints"),
            "PostTrainingReport": source("model", "CalculatedBaselineConstraints"),
        },
        "Explainability": {"Report": source("why", "CalculatedBaselineConstraints")},
    }
    baselines = request["DriftCheckBaselines"]
    bias, explained = baselines["Bias"], baselines["Explainability"]
    used = "BaselineUsedForDriftCheckConstraints"
    assert bias["PreTrainingConstraints"] == source("data", used)
    assert bias["PostTrainingConstraints"] == source("model", used)
    assert explained["Constraints"] == source("why", used)
    assert file_at(compiled, bias["ConfigFile"]["S3Uri"])["headers"] == ["churned", "sex", "age"]
    assert file_at(compiled, explained["ConfigFile"]["S3Uri"])["headers"] == ["sex", "age"]
    assert "registered analysis of data" not in {tree.origin for tree in compiled.code}
    assert compiled.edges()["keep-RegisterModel"] == ("data", "fit", "model", "why")


def test_a_version_is_explained_by_the_features_that_its_model_is_sent(tmp_path: Path) -> None:
    why = WHY.replace("label: churned", "label: 0, excluded_columns: [age]")
    compiled = compile_demo(tmp_path, f"{MADE}{why}\nkeep: RegisterModel")
    explained = arguments(compiled, "keep-RegisterModel")["DriftCheckBaselines"]["Explainability"]
    assert file_at(compiled, explained["ConfigFile"]["S3Uri"])["headers"] == ["sex"]
    assert config_of(compiled, "why")["label"] == 0


def source(name: str, member: str) -> Any:
    return {"ContentType": "application/json", "S3Uri": {"Get": f"Steps.{name}.{member}"}}


def test_a_check_on_both_sides_of_a_condition_asks_the_model_of_its_side(tmp_path: Path) -> None:
    gate = (
        "gate: Condition, condition: parameters.wanted == true, if_steps: serve, else_steps: serve"
    )
    text = pipeline_of(f"fit: Training\n{gate}\nserve: CreateModel\n{WHY}").replace(
        "    models:",
        "    parameters: [{name: wanted, type: Boolean, default: true}]\n    models:",
        1,
    )
    graph = build_graph(load(tmp_path, text), "demo")
    compiled = compile_pipeline(graph, tmp_path / "store")
    for name in ("", "-else"):
        model = {"Get": f"Steps.serve{name}-CreateModel.ModelName"}
        assert step(compiled, f"why{name}")["ModelName"] == model
    assert [tree.origin for tree in compiled.code if "analysis" in tree.origin] == [
        "analysis of why"
    ]


def test_checks_of_both_classes_fill_one_version(tmp_path: Path) -> None:
    quality = "rows: QualityCheck, check: data_quality, baseline_dataset: 's3://data/x.csv'"
    compiled = compile_demo(tmp_path, f"fit: Training\n{quality}\n{DATA}\nkeep: RegisterModel")
    assert sorted(arguments(compiled, "keep-RegisterModel")["DriftCheckBaselines"]) == [
        "Bias",
        "ModelDataQuality",
    ]


def test_the_request_is_checked_against_the_service_s_own(tmp_path: Path) -> None:
    found = step(compile_demo(tmp_path, DATA), "data")
    assert not check_step_request(found)
    wrong = {**found, "Arguments": {**found["Arguments"], "StoppingCondition": {"Max": 1}}}
    assert len(check_step_request(wrong)) == 2


def test_the_job_of_bias_in_data_makes_no_endpoint(tmp_path: Path) -> None:
    permissions = plan_permissions(compile_demo(tmp_path, DATA))
    assert not permissions.unknown_step_types
    assert {s.sid for s in permissions.runtime}.isdisjoint({"AskModels", "DescribeModels"})
    assert {s.sid for s in permissions.pipeline} == {
        "DecryptResults",
        "FindBaselines",
        "PassJobRole",
        "ReadResults",
        "RunProcessingJobs",
    }


def test_the_job_that_asks_a_model_may_make_and_delete_its_endpoint(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        f"{MADE}{MODEL}, supplied_baseline_constraints: 's3://old/c.json'\nkeep: RegisterModel",
    )
    permissions = plan_permissions(compiled)
    named = {s.sid: s for s in permissions.runtime}
    place = "arn:${smp:partition}:sagemaker:${smp:region}:${smp:account_id}"
    assert list(named["AskModels"].resources) == [
        f"{place}:endpoint/sm-clarify-*",
        f"{place}:endpoint-config/sm-clarify-*",
    ]
    assert sorted(named["AskModels"].actions) == [
        "sagemaker:AddTags",
        "sagemaker:CreateEndpoint",
        "sagemaker:CreateEndpointConfig",
        "sagemaker:DeleteEndpoint",
        "sagemaker:DeleteEndpointConfig",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:InvokeEndpoint",
    ]
    assert list(named["DescribeModels"].resources) == [f"{place}:model/pipelines-*"]
    assert any("/aws/sagemaker/ProcessingJobs" in r for r in named["WriteLogs"].resources)
    (reads,) = (s for s in permissions.pipeline if s.sid == "ReadResults")
    config = arguments(compiled, "keep-RegisterModel")["DriftCheckBaselines"]["Bias"]["ConfigFile"]
    assert [r.rpartition(":::")[2] for r in reads.resources] == [
        config["S3Uri"].removeprefix("s3://"),
        f"{config['S3Uri'].removeprefix('s3://')}/*",
        "old/c.json",
        "old/c.json/*",
        "${smp:bucket}/executions/demo/*",
        "${smp:bucket}/models/demo/fit",
        "${smp:bucket}/models/demo/fit/*",
    ]


@pytest.mark.parametrize("chained", ["prep", "predict"])
def test_the_output_of_a_step_is_checked(chained: str, tmp_path: Path) -> None:
    steps = f"prep: Processing\n{MADE}predict: Transform, chain_input_source_step: prep\n"
    where = "chain_input_source_step: " + chained
    where += ", chain_output: train" if chained == "prep" else ""
    compiled = compile_demo(
        tmp_path, steps + DATA.replace("baseline_dataset: 's3://data/x.csv'", where)
    )
    (_, data) = arguments(compiled, "data")["ProcessingInputs"]
    output, end = data["S3Input"]["S3Uri"]["Std:Join"]["Values"]
    assert output["Get"].startswith(f"Steps.{chained}.")
    assert end == "/"


def test_a_review_shows_the_file_and_the_switches_that_change(tmp_path: Path) -> None:
    before = compile_demo(tmp_path / "before", MADE + MODEL)
    after = compile_demo(tmp_path / "after", f"{MADE}{MODEL}, skip_check: true, methods: [DI]")
    change = compare_pipelines(before, after)
    assert change is not None
    (changed,) = change.steps
    assert {(c.section, c.name) for c in changed.changes} == {(Section.OTHER, "SkipCheck")}
    assert changed.code == ("analysis of model",)
    (code,) = change.code
    assert [file.path for file in code.files] == ["analysis_config.json"]
    assert "other" in {bound.job for bound in change.bounds.after}
