"""The deploy-time values that a DAG needs, with what each of them is.

It never knows a value.
"""

from __future__ import annotations

from collections.abc import Mapping

from smp.compiler.compiled import CompiledPipeline
from smp.export.airflow.constants import value_names
from smp.export.workflow import read_workflow

DESCRIPTIONS: Mapping[str, str] = {
    "account_id": "the AWS account",
    "region": "the AWS region",
    "partition": "the partition of the region: aws, aws-cn, aws-us-gov",
    "url_suffix": "what the addresses of services end in: amazonaws.com",
    "bucket": "the bucket with code and data",
    "kms_key_arn": "the key that data and volumes are encrypted with",
    "role_arn": "the role that the jobs have",
    "subnets": "the subnets of the jobs, a list",
    "security_group_ids": "the security groups of the jobs, a list",
}


def dag_values(compiled: CompiledPipeline) -> Mapping[str, str]:
    """Return the names in a DAG's `<dag id>_values.json`, each with what it is."""
    return {name: _description(name) for name in value_names(read_workflow(compiled))}


def _description(name: str) -> str:
    kind, _, rest = name.partition(".")
    if kind == "image":
        return f"the address in the region of the image {rest}"
    return DESCRIPTIONS.get(name, name)
