"""Images whose URI depends on the region: the definition names them, the pipeline carries the table."""

from __future__ import annotations

from functools import lru_cache

from sagemaker.core import image_uris

from smp.compiler.sdk.constants import to_constants
from smp.compiler.steps.context import StepContext
from smp.config.values.images import SPARK, ImageChoice, PublishedImage
from smp.definition import deploy_values

MACHINES = {"gpu": "ml.g5.xlarge", "cpu": "ml.m5.large", None: "ml.m5.large"}
"""An instance type with which the SDK chooses between images for CPUs and for GPUs."""


def section_image(context: StepContext, section: ImageChoice) -> str:
    """Return a section's own image, or the name of SageMaker's, whose URIs by region are recorded."""
    image = section.published()
    return named_image(context, image) if image else str(section.image_uri)


def sklearn_image(context: StepContext, version: str) -> str:
    """Return the name of SageMaker's scikit-learn image."""
    return named_image(context, PublishedImage("sklearn", "inference", version))


def named_image(context: StepContext, image: PublishedImage) -> str:
    """Return the name of one of SageMaker's images and record its URI for every region."""
    context.images[image.name] = _uris(image)
    return to_constants(deploy_values.image(image.name))


@lru_cache(maxsize=64)
def _uris(image: PublishedImage) -> dict[str, str]:
    found = image_uris.config_for_framework(image.framework)
    offered = found if "versions" in found else found[image.scope]
    version = offered.get("version_aliases", {}).get(image.version, image.version)
    details = offered["versions"][version]
    base = {"base_framework_version": image.base_version} if image.base_version else {}
    return {
        region: image_uris.retrieve(
            image.framework,
            region=region,
            version=image.version,
            py_version=image.py_version,
            image_scope=None if image.framework == SPARK else image.scope,
            container_version="v1" if image.framework == SPARK and image.py_version else None,
            instance_type=MACHINES[image.accelerator],
            **base,
        )
        for region in sorted((details[image.base_version] if base else details)["registries"])
    }
