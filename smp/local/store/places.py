"""Where the local run keeps things below the work directory, and the values it deploys with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.deploy_values import substitute

BUCKET = "smp-local"
ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/smp-local"


@dataclass(frozen=True)
class Places:
    """The directories of one workspace's local runs; `root` is its `.smp`."""

    root: Path

    @property
    def code(self) -> Path:
        """Content-addressed code trees."""
        return self.root / "code"

    @property
    def buckets(self) -> Path:
        """`<bucket>/<key>` of every S3 object."""
        return self.root / "s3"

    @property
    def runs(self) -> Path:
        """One directory a run."""
        return self.root / "runs"

    @property
    def cache(self) -> Path:
        """Results of finished steps by pipeline and cache key."""
        return self.root / "cache"

    @property
    def hashes(self) -> Path:
        """Hashes of large objects by their file's size and time."""
        return self.root / "hashes"

    @property
    def staged(self) -> Path:
        """What each model's data script put into the bucket."""
        return self.root / "staged"

    @property
    def shapes(self) -> Path:
        """Shapes of the requests that steps make."""
        return self.root / "shapes"

    @property
    def environments(self) -> Path:
        """Python environments by the hash of their requirements."""
        return self.root / "envs"

    @property
    def registry(self) -> Path:
        """Model package groups and their versions."""
        return self.root / "registry"


def local_parameters(compiled: CompiledPipeline) -> Json:
    """Return the part of a definition that declares parameters, with this machine's values in it."""
    declared = compiled.definition.get("Parameters", [])
    return {"Parameters": substitute(declared, lambda name: local_value(name, compiled))}


def local_value(name: str, compiled: CompiledPipeline) -> str | list[str]:
    """Return what a deploy-time name stands for on this machine."""
    if name.startswith("image."):
        by_region = compiled.images[name.removeprefix("image.")]
        return by_region.get(REGION) or next(iter(by_region.values()))
    values: dict[str, str | list[str]] = {
        "account_id": ACCOUNT_ID,
        "region": REGION,
        "partition": "aws",
        "url_suffix": "amazonaws.com",
        "bucket": BUCKET,
        "role_arn": ROLE_ARN,
        "kms_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/smp-local",
        "subnets": ["subnet-local"],
        "security_group_ids": ["sg-local"],
    }
    return values[name]
