"""Which start script an image has, and the page that tells of it."""

from __future__ import annotations

from typing import get_args

import pytest

from smp.config.values.images import Framework, PublishedImage
from smp.definition.deploy_values import image
from smp.definition.start_scripts import OTHER, start_script
from tools.training_images import PAGE, updated

REGISTRY = "763104351884.dkr.ecr.eu-west-1.amazonaws.com"
OF_FRAMEWORK = {
    "sklearn": "scikit-learn",
    "xgboost": "XGBoost",
    "pytorch": "PyTorch, AutoGluon, Hugging Face on PyTorch",
    "tensorflow": "TensorFlow",
    "mxnet": "MXNet",
    "autogluon": "PyTorch, AutoGluon, Hugging Face on PyTorch",
    "huggingface": "PyTorch, AutoGluon, Hugging Face on PyTorch",
}


@pytest.mark.parametrize("framework", get_args(Framework))
def test_each_framework_that_a_section_can_name_has_one(framework: Framework) -> None:
    base = "pytorch2.5.1" if framework == "huggingface" else None
    published = PublishedImage(framework, "training", "1.2-1", "py310", "cpu", base)
    assert start_script(image(published.name)).name == OF_FRAMEWORK[framework]


def test_hugging_face_starts_scripts_as_the_framework_below_it() -> None:
    published = PublishedImage(
        "huggingface", "training", "4.26.0", "py39", "gpu", "tensorflow2.11.0"
    )
    assert start_script(image(published.name)).name == "TensorFlow"


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("tensorflow-training:2.14-cpu-py310", "TensorFlow"),
        ("sagemaker-tensorflow-scriptmode:1.12-cpu-py3", "TensorFlow"),
        ("huggingface-tensorflow-training:2.6.3-transformers4.17", "TensorFlow"),
        ("huggingface-tensorflow-trcomp-training:2.6.3", "TensorFlow"),
        ("huggingface-pytorch-training:2.1-transformers4.36", OF_FRAMEWORK["pytorch"]),
        ("huggingface-pytorch-trcomp-training:1.11", OF_FRAMEWORK["pytorch"]),
        ("pytorch-training:2.6-gpu-py312", OF_FRAMEWORK["pytorch"]),
        ("autogluon-training:1.3-cpu-py311", OF_FRAMEWORK["pytorch"]),
        ("sagemaker-scikit-learn:1.2-1-cpu-py3", "scikit-learn"),
        ("sagemaker-xgboost:1.7-1", "XGBoost"),
        ("mxnet-training:1.9-cpu-py38", "MXNet"),
        ("my-sklearning:1", OTHER.name),
        ("own/image:1", OTHER.name),
    ],
)
def test_an_image_by_its_uri(repository: str, name: str) -> None:
    assert start_script(f"{REGISTRY}/{repository}").name == name


def test_the_page_has_the_table_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == updated(page), "python -m tools.training_images"
