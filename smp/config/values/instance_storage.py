"""Which instance types have local NVMe storage in the place of a volume, and how much.

Source: "Instance store volumes" in the EC2 instance types guide.
"""

from __future__ import annotations

NVME_FAMILIES = frozenset(
    {"g4dn", "g5", "g6", "g6e", "g7", "g7e", "p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200"}
    | {"p6-b300", "p6e-gb200", "r5d", "trn1", "trn1n", "trn2"}
)
"""Instance families with local NVMe storage, of all that botocore 1.44.5 lists for jobs."""

_GIGABYTES = {
    "g4dn": "xlarge 125 2xlarge 225 4xlarge 225 8xlarge 900 12xlarge 900 16xlarge 900",
    "g5": "xlarge 250 2xlarge 450 4xlarge 600 8xlarge 900 12xlarge 3800 16xlarge 1900 24xlarge 3800 "
    "48xlarge 7600",
    "g6": "xlarge 250 2xlarge 450 4xlarge 600 8xlarge 900 12xlarge 3760 16xlarge 1880 24xlarge 3760 "
    "48xlarge 7520",
    "g6e": "xlarge 250 2xlarge 450 4xlarge 600 8xlarge 900 12xlarge 3800 16xlarge 1900 "
    "24xlarge 3800 48xlarge 7600",
    "p3dn": "24xlarge 1800",
    "p4d": "24xlarge 8000",
    "p4de": "24xlarge 8000",
    "r5d": "large 75 xlarge 150 2xlarge 300 4xlarge 600 8xlarge 1200 12xlarge 1800 16xlarge 2400 "
    "24xlarge 3600",
    "trn1": "2xlarge 474 32xlarge 7600",
    "trn1n": "32xlarge 7600",
}


def has_local_storage(instance_type: str) -> bool:
    """Whether a job's data lies on storage of the instance itself, which takes no key."""
    return _parts(instance_type)[0] in NVME_FAMILIES


def local_gigabytes(instance_type: str) -> int | None:
    """Return the size of the local storage; None if there is none, or its size is not in the table."""
    family, size = _parts(instance_type)
    words = _GIGABYTES.get(family, "").split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True)).get(size)


def _parts(instance_type: str) -> tuple[str, str]:
    family, _, size = instance_type.removeprefix("ml.").rpartition(".")
    return family, size
