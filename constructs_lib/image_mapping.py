"""Container images whose address depends on the region."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from smp.errors import Problem, SetupError

NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9]")


class ImageMapping(Construct):
    """Image addresses by name: direct where the stack's region is known, else looked up when deployed."""

    def __init__(
        self, scope: Construct, construct_id: str, *, images: Mapping[str, Mapping[str, str]]
    ) -> None:
        """`images` maps each name to its address by region. Raises SetupError for a region without one."""
        super().__init__(scope, construct_id)
        self._images = images
        self._region = cdk.Stack.of(self).region
        self._mapping: cdk.CfnMapping | None = None
        if cdk.Token.is_unresolved(self._region) and images:
            self._mapping = cdk.CfnMapping(self, "ByRegion", mapping=_by_region(images))

    def account(self, name: str) -> str:
        """Return the account that owns a named image: it differs between regions."""
        return cdk.Fn.select(0, cdk.Fn.split(".", self.uri(name)))

    def uri(self, name: str) -> str:
        """Return the address of a named image, or a token for it."""
        by_region = self._images[name]
        if self._mapping is not None:
            return self._mapping.find_in_map(cdk.Aws.REGION, _key(name))
        if self._region not in by_region:
            raise SetupError(
                [
                    Problem(
                        f"image '{name}' is not offered in region {self._region}",
                        allowed=", ".join(sorted(by_region)),
                        hint="set another region for the environment in cdk.json, or an own image_uri",
                    )
                ]
            )
        return by_region[self._region]


def _by_region(images: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    mapping: dict[str, dict[str, str]] = {}
    for name, by_region in sorted(images.items()):
        for region, uri in sorted(by_region.items()):
            mapping.setdefault(region, {})[_key(name)] = uri
    return dict(sorted(mapping.items()))


def _key(name: str) -> str:
    """Return a key of letters and digits, different for different names: mappings take no others."""
    return NOT_IN_KEYS.sub("", name) + hashlib.sha256(name.encode()).hexdigest()[:6]
