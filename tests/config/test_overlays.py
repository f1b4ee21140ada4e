"""What a file says for one environment is merged over the rest of it, with its places."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.config.project import Project
from smp.errors import ConfigError
from tests.config.workspace import BASE, CONF, make_workspace

OVERLAYS = """\
  environments:
    dev:
    prod:
      s3Bucket: prod-bucket
      models:
        churn:
          preprocess:
            max_runtime_in_seconds: 60
          train:
            instance_type: ml.m5.4xlarge
            hyperparameters: {rounds: 500, depth: 3}
            volume_size_in_gb: null
            tags:
              team: {Value: risk}
          registry:
            InferenceSpecification: {approval_status: "${env:STATUS}"}
      sagemakerPipeline:
        parameters: {day: {default: tuesday}}
        models:
          churn:
            steps:
              churn-train: {enable_cache: false}
        dependencies: []
  sagemakerPipeline:
    parameters:
      - {name: other, default: x}
      - {name: day, default: monday}
"""
BOTH = BASE.replace("  sagemakerPipeline:\n", OVERLAYS).replace(
    '        framework_version: "1.2-1"\n',
    '        framework_version: "1.2-1"\n        max_runtime_seconds: 30\n',
)


def project(
    workspace: Path, environment: str | None, *environments: str, text: str = BOTH
) -> Project:
    make_workspace(workspace, {CONF: text})
    environ = {"STATUS": "Rejected"} if environment == "prod" else {}
    return load_project(
        workspace, environ=environ, environment=environment, environments=environments
    )


def test_without_an_environment_nothing_of_them_counts(tmp_path: Path) -> None:
    loaded = project(tmp_path, None)
    train = loaded.models["churn"].config.train
    assert train is not None
    assert (train.instance_type, train.hyperparameters) == ("ml.m5.2xlarge", {"rounds": 100})
    assert loaded.pipelines[0].s3_bucket is None
    assert loaded.notes == ()


def test_an_environment_without_a_section_is_the_file_as_it_is(tmp_path: Path) -> None:
    assert project(tmp_path, "dev").models["churn"].config == (
        project(tmp_path, None).models["churn"].config
    )


def test_mappings_are_merged_lists_replaced_and_null_removes(tmp_path: Path) -> None:
    loaded = project(tmp_path, "prod")
    model, pipeline = loaded.models["churn"], loaded.pipelines[0]
    train, registry = model.config.train, model.config.registry
    assert train is not None
    assert registry is not None
    assert train.instance_type == "ml.m5.4xlarge"
    assert train.instance_count == 2
    assert train.hyperparameters == {"rounds": 500, "depth": 3}
    assert train.volume_size_in_gb == 32
    assert registry.inference_specification.approval_status == "Rejected"
    assert pipeline.config.dependencies == ()
    assert pipeline.s3_bucket == "prod-bucket"


def test_items_of_a_list_are_changed_by_name(tmp_path: Path) -> None:
    loaded = project(tmp_path, "prod")
    config = loaded.pipelines[0].config
    train = loaded.models["churn"].config.train
    assert train is not None
    assert [(tag.key, tag.value) for tag in train.tags] == [("team", "risk")]
    assert [(p.name, p.default) for p in config.parameters] == [("other", "x"), ("day", "tuesday")]
    steps = config.models["churn"].steps
    assert [getattr(step, "enable_cache", None) for step in steps] == [False, False]


def test_another_spelling_of_the_same_key_takes_its_place(tmp_path: Path) -> None:
    preprocess = project(tmp_path, "prod").models["churn"].config.preprocess
    assert preprocess is not None
    assert preprocess.max_runtime_seconds == 60


def test_places_lead_into_the_environment(tmp_path: Path) -> None:
    model = project(tmp_path, "prod").models["churn"]
    lines = BOTH.splitlines()
    assert "ml.m5.4xlarge" in lines[model.locate("train", "instance_type").line - 1]
    assert "rounds: 500" in lines[model.locate("train", "hyperparameters", "rounds").line - 1]
    assert "instance_count: 2" in lines[model.locate("train", "instance_count").line - 1]


def test_variables_of_environments_that_are_not_chosen_need_not_be_set(tmp_path: Path) -> None:
    assert project(tmp_path, "dev").pipelines


def test_fails_for_a_variable_of_the_chosen_environment(tmp_path: Path) -> None:
    make_workspace(tmp_path, {CONF: BOTH})
    with pytest.raises(ConfigError, match=r"conf\.environments\.prod\.models.*STATUS is not set"):
        load_project(tmp_path, environment="prod")


def test_fails_for_an_environment_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        project(tmp_path, "prd", "dev", "prod")
    assert str(caught.value) == (
        "there is no environment 'prd'\n    allowed: dev, prod\n    hint: did you mean 'prod'?"
    )


def test_fails_for_a_section_of_an_environment_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        project(tmp_path, "test", "dev", "test")
    assert str(caught.value) == (
        f"{CONF}:48:5: conf.environments: there is no environment 'prod'\n    allowed: dev, test"
    )


def test_an_environment_that_no_file_names_is_a_note_where_none_are_known(tmp_path: Path) -> None:
    assert [str(note) for note in project(tmp_path, "prd").notes] == [
        "no file has a section for the environment 'prd'\n"
        "    allowed: dev, prod\n    hint: did you mean 'prod'?"
    ]
