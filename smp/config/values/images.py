"""Which image a section means: an own one by its URI, or one that SageMaker offers, by name and version.

It never makes a URI, which depends on the region; it reads which images there are from the files of the
SageMaker SDK and never imports it.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from pydantic import JsonValue, model_validator

from smp.config.values.aws import ImageUri
from smp.config.values.base import ConfigModel, Text, fault
from smp.definition.expressions import BEGIN
from smp.errors import SetupError, near_names

Scope = Literal["training", "inference", "processing"]
"""What an image is for, in the words of the SDK's own files."""

Framework = Literal[
    "sklearn", "xgboost", "pytorch", "tensorflow", "mxnet", "autogluon", "huggingface"
]
ProcessingFramework = Literal[
    "sklearn", "xgboost", "pytorch", "tensorflow", "mxnet", "autogluon", "huggingface", "spark"
]
SPARK = "spark"
HUGGING_FACE = "huggingface"
IMAGE_KEYS = (
    "framework",
    "framework_version",
    "base_framework_version",
    "py_version",
    "accelerator",
)
"""What names one of SageMaker's images of frameworks."""
Algorithm = Literal[
    "blazingtext",
    "factorization-machines",
    "forecasting-deepar",
    "image-classification",
    "ipinsights",
    "kmeans",
    "knn",
    "lda",
    "linear-learner",
    "ntm",
    "object-detection",
    "object2vec",
    "pca",
    "randomcutforest",
    "semantic-segmentation",
    "seq2seq",
    "xgboost",
]
"""SageMaker's built-in algorithms that train from channels."""

ONE_REPOSITORY = ("sklearn", "xgboost")
"""Frameworks whose images for training, inference and processing are the same."""

ONE_OF_ALL: list[JsonValue] = [
    {"required": [key]} for key in ("image_uri", "framework", "algorithm")
]
"""What the JSON schema says of a section with an image."""

GPU = re.compile(r"ml\.(g\d+[a-z]*|p\d+[a-z]*(-b\d+)?)\.")
NO_IMAGE = re.compile(r"ml\.(inf|trn|dl\d|p6e-gb|[a-z]+\d+g[a-z]*\.)")
"""Machines with other processors (Inferentia, Trainium, Gaudi, ARM), which have other images."""


@dataclass(frozen=True)
class PublishedImage:
    """An image that SageMaker offers; its URI differs from region to region."""

    framework: str
    scope: Scope
    version: str
    py_version: str | None = None
    accelerator: Literal["cpu", "gpu"] | None = None
    base_version: str | None = None
    """Of Hugging Face: the framework below it with its version, such as pytorch2.5.1."""

    @property
    def name(self) -> str:
        """The name that stands for it in a definition."""
        is_shared = self.framework in ONE_REPOSITORY or self.framework in get_args(Algorithm)
        scope = None if is_shared else self.scope
        py_version = None if is_shared else self.py_version
        version = (self.version, self.base_version)
        parts = (self.framework, scope, *version, self.accelerator, py_version)
        return "-".join(part for part in parts if part)


class ImageChoice(ConfigModel):
    """A section with an image."""

    scope: ClassVar[Scope] = "training"
    default_framework: ClassVar[Framework | None] = None
    ways: ClassVar[str] = "image_uri, or framework with framework_version"
    machine_key: ClassVar[tuple[str, ...]] = ("instance_type",)
    """The key that says which machines the image runs on, for messages."""

    image_uri: ImageUri | None = None
    """The image by its URI."""
    framework: Framework | None = None
    """In place of `image_uri`: the framework of one of SageMaker's images, whose URI is that of the
    region that is deployed to."""
    framework_version: Text | None = None
    """The framework's version, such as "1.2-1" or "2.6"; of `huggingface` the version of Transformers."""
    base_framework_version: Text | None = None
    """Of `huggingface`: the framework below it, such as "pytorch2.5.1"; needed where there are several."""
    py_version: Text | None = None
    """The image's Python, such as "py312"; needed where the version has several."""
    accelerator: Literal["cpu", "gpu"] | None = None
    """Whether the image is for CPUs or GPUs; without it, by the instance type."""

    @model_validator(mode="after")
    def _check_image(self) -> ImageChoice:
        self._check_choice()
        self.published()
        return self

    def _check_choice(self) -> None:
        named = self.framework is not None or self.framework_version is not None
        if self.image_uri is None and not named:
            raise fault("has no image", self.ways)
        if self.image_uri is not None:
            for key in IMAGE_KEYS:
                if getattr(self, key) is not None:
                    reason = "has no effect together with 'image_uri'"
                    raise fault(reason, "one of the two", at=(key,))
        elif self.framework is None and self.default_framework is None:
            raise fault("is of no framework", "framework beside it", at=("framework_version",))
        if self.base_framework_version is not None and self.framework != HUGGING_FACE:
            reason = "has no effect: only images of huggingface have another framework below"
            raise fault(reason, "framework: huggingface", at=("base_framework_version",))

    def published(self) -> PublishedImage | None:
        """Return SageMaker's image that is meant; None where the section has an own one."""
        if self.image_uri is not None:
            return None
        framework = self.framework or self.default_framework
        assert framework is not None
        scope: Scope = "processing" if framework == SPARK else self.scope
        offered = _offered(framework, scope)
        versions = offered["versions"]
        aliases = offered.get("version_aliases", {})
        version = _one_of(
            self.framework_version, "framework_version", versions, framework, tuple(aliases)
        )
        details = versions[aliases.get(version, version)]
        base = None
        if framework == HUGGING_FACE:
            base, details = self._base(details, version)
        py_version = self._py_version(details, f"{framework} {version}")
        processors = details.get("processors") or offered.get("processors") or []
        accelerator = self._accelerator(processors, f"{framework} {version}")
        return PublishedImage(framework, scope, version, py_version, accelerator, base)

    def _base(self, details: Mapping[str, Any], version: str) -> tuple[str, Mapping[str, Any]]:
        """Return the framework below Hugging Face's with its version, and what is offered for it."""
        aliases = details.get("version_aliases", {})
        known = [name for name in details if name != "version_aliases"]
        image, key = f"{HUGGING_FACE} {version}", "base_framework_version"
        written = aliases.get(self.base_framework_version, self.base_framework_version)
        base = _one_of(written, key, known, image)
        return base, details[base]

    def _py_version(self, details: Mapping[str, Any], image: str) -> str | None:
        known = details.get("py_versions") or []
        is_free = not known or self.framework == SPARK
        if is_free and self.py_version is None:
            return None
        if not known:
            reason = f"is not chosen for {image}, which has one image"
            raise fault(reason, "no py_version", at=("py_version",))
        return _one_of(self.py_version, "py_version", known, image)

    def _accelerator(self, known: Iterable[str], image: str) -> Literal["cpu", "gpu"] | None:
        offered = sorted(known)
        if offered == ["gpu"] and self.framework == HUGGING_FACE:
            return self._gpu(image)
        if len(offered) < 2:
            if self.accelerator not in (None, *offered):
                reason = f"is not offered: {image} has one image for all instances"
                raise fault(reason, "no accelerator", at=("accelerator",))
            return None
        found = {_accelerator_of(name) for name in self._machines()}
        if None in found:
            reason = f"is a machine that no image of {image} is known for"
            raise fault(reason, "another instance type, or an own image_uri", at=self.machine_key)
        if len(found) != 1 and self.accelerator is None:
            reason = f"does not decide whether the image of {image} is for CPUs or GPUs"
            raise fault(reason, "accelerator: cpu or accelerator: gpu", at=self.machine_key)
        if self.accelerator is not None and len(found) == 1 and self.accelerator not in found:
            reason = f"is not what its instance types have: {', '.join(self._machines())}"
            raise fault(reason, str(next(iter(found))), at=("accelerator",))
        (one,) = found if self.accelerator is None else (self.accelerator,)
        return one

    def _gpu(self, image: str) -> Literal["gpu"]:
        """Return that the image is for GPUs; refuse machines without them."""
        others = [name for name in self._machines() if _accelerator_of(name) != "gpu"]
        if others or self.accelerator == "cpu":
            at = self.machine_key if others else ("accelerator",)
            raise fault(f"has no GPU, and {image} has images for GPUs only", "ml.g5.xlarge", at=at)
        return "gpu"

    def _machines(self) -> tuple[str, ...]:
        """Return the instance types that the image runs on, as far as they are known."""
        name = getattr(self, "instance_type", "")
        return () if not name or BEGIN in name else (name,)


class AlgorithmChoice(ImageChoice):
    """A section with an image, which may be one of SageMaker's built-in algorithms."""

    ways: ClassVar[str] = "image_uri, framework with framework_version, or algorithm"

    algorithm: Algorithm | None = None
    """In place of `image_uri`: one of SageMaker's built-in algorithms."""
    algorithm_version: Text | None = None
    """The algorithm's version; needed where there are several."""

    def _check_choice(self) -> None:
        if self.algorithm is None:
            if self.algorithm_version is not None:
                raise fault("is of no algorithm", "algorithm beside it", at=("algorithm_version",))
            return super()._check_choice()
        for key in ("image_uri", *IMAGE_KEYS):
            if getattr(self, key) is not None:
                raise fault("has no effect together with 'algorithm'", "one of the two", at=(key,))
        return None

    def published(self) -> PublishedImage | None:
        """Return SageMaker's image that is meant; None where the section has an own one."""
        if self.algorithm is None:
            return super().published()
        offered = _offered(self.algorithm, self.scope)
        version = _one_of(
            self.algorithm_version, "algorithm_version", offered["versions"], self.algorithm
        )
        return PublishedImage(self.algorithm, self.scope, version)


def _one_of(
    written: str | None, key: str, known: Iterable[str], image: str, short: tuple[str, ...] = ()
) -> str:
    """Return what is written, or the only one there is; `short` are other names for some."""
    names = list(known)
    if written is None and len(names) == 1:
        return names[0]
    allowed = ", ".join(short or names)
    if written is None:
        raise fault(f"'{key}' is missing: {image} has several", allowed)
    if written not in (*names, *short):
        reason = f"is not offered by SageMaker for {image}"
        raise fault(reason, allowed, near_names(written, [*names, *short]), at=(key,))
    return written


def _accelerator_of(instance_type: str) -> Literal["cpu", "gpu"] | None:
    if NO_IMAGE.match(instance_type):
        return None
    return "gpu" if GPU.match(instance_type) else "cpu"


@cache
def _offered(name: str, scope: Scope) -> Mapping[str, Any]:
    """Return what the SDK's file says of a framework or algorithm in a scope."""
    spec = importlib.util.find_spec("sagemaker")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    files = (Path(place) / "core" / "image_uri_config" / f"{name}.json" for place in places)
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise SetupError(f"the SageMaker SDK does not list images of {name}: check its version")
    found: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
    return found if "versions" in found else found[scope]
