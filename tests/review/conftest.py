"""The compiled pipelines of the pictures, for listings of them."""

from tests.picture.conftest import housing_pipeline

__all__ = ["housing_pipeline"]
