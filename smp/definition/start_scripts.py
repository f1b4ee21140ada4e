"""What starts a script in the training images: what it needs of a tuning job, and how it calls the script.

The jobs of a search take no command, so the image's own start script runs there: a training toolkit. Every
fact of the table was read in the source that it names; docs/training-images.md has it for people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MODEL_DIRECTORY = "/opt/ml/model"


@dataclass(frozen=True)
class StartScript:
    """The start script of a family of images."""

    name: str
    images: re.Pattern[str] | None
    """Matches the image's name, as a definition names it or as a registry does; None for all others."""
    source: str
    """Where its source is."""
    module: str = ""
    """The image's SAGEMAKER_TRAINING_MODULE, which scripts find as SM_FRAMEWORK_MODULE."""
    required: Mapping[str, str] = field(default_factory=dict)
    """Hyperparameters without which it fails before the script, or gives the script a wrong value."""
    joins_arguments: bool = False
    """Whether it gives the arguments to a shell as one line, without quotes."""
    strips_quotes: bool = True
    """Whether it takes double quotes off both ends of the last argument."""
    runs_modules: bool = False
    """Whether it runs `python -m NAME`, NAME being the entry point without `.py`."""


START_SCRIPTS = (
    StartScript(
        "TensorFlow",
        re.compile(r"tensorflow-(training|scriptmode)|huggingface-(training-.*-)?tensorflow"),
        "github.com/aws/sagemaker-tensorflow-training-toolkit: training.py, main",
        module="sagemaker_tensorflow_container.training:main",
        required={"model_dir": MODEL_DIRECTORY},
        joins_arguments=True,
    ),
    StartScript(
        "PyTorch, AutoGluon, Hugging Face on PyTorch",
        re.compile(
            r"(pytorch|autogluon|huggingface-pytorch)(-trcomp)?-training|huggingface-training-.*-pytorch"
        ),
        "github.com/aws/sagemaker-pytorch-training-toolkit: training.py, train",
        module="sagemaker_pytorch_container.training:main",
        joins_arguments=True,
    ),
    StartScript(
        "MXNet",
        re.compile(r"mxnet-training"),
        "github.com/aws/sagemaker-mxnet-training-toolkit: training.py, train",
        module="sagemaker_mxnet_container.training:main",
    ),
    StartScript(
        "scikit-learn",
        re.compile(r"scikit-learn|\bsklearn-"),
        "github.com/aws/sagemaker-scikit-learn-container: training.py, train",
        module="sagemaker_sklearn_container.training:main",
    ),
    StartScript(
        "XGBoost",
        re.compile(r"xgboost"),
        "github.com/aws/sagemaker-xgboost-container: training.py, train",
        module="sagemaker_xgboost_container.training:main",
        strips_quotes=False,
        runs_modules=True,
    ),
)
OTHER = StartScript(
    "an own image with the training toolkit",
    None,
    "github.com/aws/sagemaker-training-toolkit: trainer.py, train",
)


def start_script(image: str) -> StartScript:
    """Return what starts a script in an image that a request names."""
    name = image.rpartition("/")[2]
    return next((one for one in START_SCRIPTS if one.images and one.images.search(name)), OTHER)
