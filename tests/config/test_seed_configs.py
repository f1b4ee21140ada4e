"""The public configurations load as they are, with stand-in files where they point."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.config.project import Project
from tests.config.workspace import place_file

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seed_configs"

pytestmark = pytest.mark.skipif(
    not SEEDS.is_dir(), reason="the public configurations are not beside this checkout"
)

SCRIPTS = {
    "lgbm": ("training/training.py", "transform/transform.py", "evaluate/evaluate.py"),
    "llm-text-summarization": (
        "preprocessing/preprocessing.py",
        "training/training.py",
        "transform/inference.py",
    ),
    "multi-model-example/cal_housing_pca/modelscripts": ("preprocess.py", "train.py"),
    "multi-model-example/cal_housing_tf/modelscripts": (
        "preprocess.py",
        "train.py",
        "inference.py",
        "evaluate.py",
    ),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copytree(SEEDS, tmp_path / "seeds")
    for directory, scripts in SCRIPTS.items():
        for script in scripts:
            place_file(tmp_path / "seeds/examples" / directory / script, "")
    return tmp_path / "seeds"


@pytest.fixture
def project(workspace: Path) -> Project:
    return load_project(workspace, "examples/**/conf/*.yaml")


def test_every_pipeline_is_there(project: Project) -> None:
    names = [pipeline.config.pipeline_name for pipeline in project.pipelines]
    assert names == ["Falcon40b-fine-tune", "calhousing-test", "lgbm-test"]
    assert list(project.models) == [
        "calhousingpca",
        "calhousingtf",
        "falcon40b-finetuneable",
        "lgbm",
    ]


def test_an_absolute_pattern_finds_the_same(project: Project, workspace: Path) -> None:
    pattern = str(workspace / "examples/**/conf/*.yaml")
    assert load_project(workspace, pattern).models.keys() == project.models.keys()


def test_placeholders_became_deploy_time_names(project: Project) -> None:
    lgbm = project.models["lgbm"].config
    assert lgbm.train is not None
    assert lgbm.train.image_uri == (
        "${smp:account_id}.dkr.ecr.${smp:region}.amazonaws.com/pytorch-training:1.9.0-cpu-py38"
    )
    [file] = lgbm.train.channels["train"].data_files
    assert file.file_name == "s3://${smp:bucket}/lightGBM/train"


def test_channels_without_files_are_channels(project: Project) -> None:
    housing = project.models["calhousingtf"].config
    assert housing.transform is not None
    assert housing.evaluate is not None
    assert list(housing.transform.channels) == list(housing.evaluate.channels) == ["train"]


def test_a_quoted_flag_is_a_flag(project: Project) -> None:
    registry = project.models["lgbm"].config.registry
    assert registry is not None
    assert registry.model_repack is False


def test_a_transform_image_without_effect_is_a_note(project: Project) -> None:
    assert [str(note) for note in project.notes] == [
        "examples/lgbm/conf/conf.yaml:33:26: conf.models.lgbm.transform.image_uri: has no effect: "
        "a transform job runs in the model's own image\n"
        "    found: 'refer-transform/docker-to-built-inference-image'\n"
        "    hint: registry.InferenceSpecification.image_uri is '${smp:account_id}.dkr.ecr."
        "${smp:region}.amazonaws.com/lightgbm-inference:lightgbm-i0.0'"
    ]
