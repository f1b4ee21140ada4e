"""Images by framework and version, and built-in algorithms by name: their URI is that of the region."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.definition.permissions.plan import plan_permissions
from smp.errors import ConfigError
from tests.compiler.compiling import arguments, compile_demo
from tests.graph.workspace import IMAGE

TRAIN = "{framework: pytorch, framework_version: '2.6', entry_point: train.py, KEYS}"
SERVE = "{{ModelRepack: 'False', InferenceSpecification: {{{}}}}}"


def test_a_framework_names_an_image_for_every_region(tmp_path: Path) -> None:
    train = TRAIN.replace("KEYS", "instance_type: ml.g5.xlarge")
    compiled = compile_demo(tmp_path, "fit: Training", demo__train=train)
    name = "pytorch-training-2.6-gpu-py312"
    image = arguments(compiled, "fit")["AlgorithmSpecification"]["TrainingImage"]
    assert image == f"${{smp:image.{name}}}"
    assert compiled.images[name]["eu-west-1"] == (
        "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.6-gpu-py312"
    )
    assert compiled.images[name]["cn-north-1"].endswith(
        "amazonaws.com.cn/pytorch-training:2.6-gpu-py312"
    )
    assert len(compiled.images[name]) > 20


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("instance_type: ml.m5.large", "pytorch-training-2.6-cpu-py312"),
        ("instance_type: ml.p4d.24xlarge", "pytorch-training-2.6-gpu-py312"),
        (
            "instance_type: ml.g5.xlarge, accelerator: gpu, py_version: py312",
            "pytorch-training-2.6-gpu-py312",
        ),
    ],
)
def test_the_machine_says_which_image(keys: str, name: str, tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Training", demo__train=TRAIN.replace("KEYS", keys))
    assert set(compiled.images) == {name}


def test_every_section_with_an_image_may_name_it(tmp_path: Path) -> None:
    framework = "framework: {}, framework_version: '{}'"
    compiled = compile_demo(
        tmp_path,
        "prep: Processing\nfit: Training, chain_input_source_step: prep\nserve: CreateModel\n"
        "predict: Transform, chain_input_source_step: prep\n"
        "score: Metrics, chain_input_source_step: predict\nkeep: RegisterModel",
        demo__preprocess=f"{{{framework.format('tensorflow', '2.19')}, entry_point: preprocess.py}}",
        demo__train=f"{{{framework.format('xgboost', '1.7-1')}, entry_point: train.py}}",
        demo__evaluate=f"{{{framework.format('sklearn', '1.2-1')}, entry_point: evaluate.py, "
        "channels: train}",
        demo__registry=SERVE.format(framework.format("xgboost", "1.7-1")),
    )
    assert set(compiled.images) == {
        "tensorflow-training-2.19-cpu-py312",
        "xgboost-1.7-1",
        "sklearn-1.2-1",
    }
    served = arguments(compiled, "serve-CreateModel")["PrimaryContainer"]["Image"]
    (registered,) = arguments(compiled, "keep-RegisterModel")["InferenceSpecification"][
        "Containers"
    ]
    assert served == registered["Image"] == "${smp:image.xgboost-1.7-1}"


def test_jobs_may_pull_just_these_images(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Training", demo__train="{algorithm: kmeans}")
    pulls = next(s for s in plan_permissions(compiled).job if s.sid == "PullImages")
    assert list(pulls.resources) == [
        "arn:${smp:partition}:ecr:${smp:region}:${smp:image_account.kmeans-1}:repository/kmeans"
    ]


def test_an_algorithm_by_name_runs_what_its_image_brings(tmp_path: Path) -> None:
    train = "{algorithm: factorization-machines, hyperparameters: {feature_dim: 9}, "
    train += "channels: {train: {dataFiles: [{fileName: s3://data/train}]}}}"
    serve = SERVE.format("algorithm: factorization-machines")
    compiled = compile_demo(
        tmp_path,
        "fit: Training\nserve: CreateModel",
        demo__train=train,
        demo__registry=serve,
        demo__transform="",
    )
    job = arguments(compiled, "fit")
    name = "factorization-machines-1"
    assert job["AlgorithmSpecification"]["TrainingImage"] == f"${{smp:image.{name}}}"
    assert "ContainerEntrypoint" not in job["AlgorithmSpecification"]
    assert job["HyperParameters"] == {"feature_dim": "9"}
    assert compiled.images[name]["us-east-1"] == (
        "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
    )


def test_an_algorithm_is_tuned(tmp_path: Path) -> None:
    tune = "{objective: {metric: 'validation:auc'}, ranges: {eta: {type: continuous, min: 0.1, max: 0.5}}}"
    train = "{algorithm: xgboost, algorithm_version: 1.7-1}"
    compiled = compile_demo(tmp_path, "fit: Tuning", demo__train=train, demo__tune=tune)
    job = arguments(compiled, "fit")["TrainingJobDefinition"]
    assert job["AlgorithmSpecification"]["TrainingImage"] == "${smp:image.xgboost-1.7-1}"


def test_an_own_image_stays_as_it_is(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Training")
    assert compiled.images == {}
    assert arguments(compiled, "fit")["AlgorithmSpecification"]["TrainingImage"] == IMAGE


HUGGING_FACE = "framework: huggingface, framework_version: '{}'"


def test_hugging_face_has_a_framework_below_it(tmp_path: Path) -> None:
    train = f"{{{HUGGING_FACE.format('4.49')}, entry_point: train.py, instance_type: ml.g5.xlarge}}"
    serve = SERVE.format(HUGGING_FACE.format("4.49.0") + ", base_framework_version: pytorch2.6")
    compiled = compile_demo(
        tmp_path, "fit: Training\nkeep: RegisterModel\n", demo__train=train, demo__registry=serve
    )
    training, inference = sorted(compiled.images, reverse=True)
    assert training == "huggingface-training-4.49-pytorch2.5.1-gpu-py311"
    assert compiled.images[training]["eu-west-1"].partition("/")[2] == (
        "huggingface-pytorch-training:2.5.1-transformers4.49.0-gpu-py311-cu124-ubuntu22.04"
    )
    assert inference == "huggingface-inference-4.49.0-pytorch2.6.0-cpu-py312"
    assert "-cpu-py312-" in compiled.images[inference]["us-east-1"]
    assert compiled.images[inference]["cn-north-1"].partition("/")[0].endswith(".com.cn")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (HUGGING_FACE.format("4.49") + ", instance_type: ml.m5.large", "images for GPUs only"),
        (
            HUGGING_FACE.format("4.17") + ", instance_type: ml.g5.xlarge",
            "'base_framework_version' is missing",
        ),
        (
            HUGGING_FACE.format("4.49")
            + ", instance_type: ml.g5.xlarge, base_framework_version: pytorch1.0",
            "is not offered by SageMaker for huggingface 4.49",
        ),
        (
            "framework: pytorch, framework_version: '2.6', base_framework_version: pytorch2.6",
            "only images of huggingface",
        ),
    ],
)
def test_fails_for_what_hugging_face_does_not_offer(
    keys: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        compile_demo(tmp_path, "fit: Training\n", demo__train=f"{{{keys}, entry_point: train.py}}")
