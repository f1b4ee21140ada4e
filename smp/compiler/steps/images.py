"""Images whose URI depends on the region: the definition names them, the pipeline carries the table.

It never picks a region.
"""

from __future__ import annotations

from functools import lru_cache

from sagemaker.core import image_uris

from smp.compiler import deploy_values
from smp.compiler.stand_ins import to_constants
from smp.compiler.steps.context import StepContext
from smp.config.jobs import EvaluateSection, PreprocessSection
from smp.errors import CompileError

SKLEARN = "sklearn"


def processing_image(context: StepContext, section: PreprocessSection | EvaluateSection) -> str:
    """Return a section's image, or scikit-learn's of its `framework_version`."""
    if section.image_uri:
        return section.image_uri
    assert isinstance(section, PreprocessSection)
    return sklearn_image(context, str(section.framework_version))


def sklearn_image(context: StepContext, version: str) -> str:
    """Return the name of SageMaker's scikit-learn image and record its URI for every region."""
    name = f"{SKLEARN}-{version}"
    context.images[name] = _sklearn_uris(version)
    return to_constants(deploy_values.image(name))


@lru_cache(maxsize=16)
def _sklearn_uris(version: str) -> dict[str, str]:
    published = image_uris.config_for_framework(SKLEARN)["inference"]["versions"]
    if version not in published:
        raise CompileError(
            f"SageMaker has no scikit-learn image {version!r}; it has {', '.join(published)}"
        )
    return {
        region: image_uris.retrieve(
            SKLEARN,
            region=region,
            version=version,
            image_scope="inference",
            instance_type="ml.m5.large",
        )
        for region in sorted(published[version]["registries"])
    }
