"""The key `network` of an environment's settings: what its jobs run in.

docs/deployment.md describes every key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from smp.config.values.base import ConfigModel, TextList
from smp.errors import Location, Problem
from stacks.context import CDK_JSON, SETTINGS_KEY


class NetworkSettings(ConfigModel):
    """The network of the jobs: created by the app, with or without internet access, or an existing one."""

    internet_egress: bool = Field(default=False, alias="internetEgress")
    subnet_ids: TextList = Field(default=(), alias="subnetIds")
    egress_subnet_ids: TextList = Field(default=(), alias="egressSubnetIds")
    security_group_ids: TextList = Field(default=(), alias="securityGroupIds")


def network_problems(network: NetworkSettings, name: str) -> Iterator[Problem]:
    """Yield what contradicts itself in the network of an environment."""
    place, path = Location(CDK_JSON), f"context.{SETTINGS_KEY}.environments.{name}.network"
    if bool(network.subnet_ids) != bool(network.security_group_ids):
        yield Problem(
            "subnets and security groups are brought together or not at all",
            place,
            path,
            found=_listed({"subnets": network.subnet_ids, "groups": network.security_group_ids}),
            hint="set subnetIds and securityGroupIds, or SMP_SUBNETS and SMP_SECURITYGROUPS",
        )
    if network.egress_subnet_ids and not network.subnet_ids:
        yield Problem(
            "egressSubnetIds belongs to a network that is brought along",
            place,
            path,
            hint="set subnetIds and securityGroupIds too, or internetEgress instead",
        )
    if network.internet_egress and network.subnet_ids:
        yield Problem(
            "internetEgress is only for the network that the app creates",
            place,
            path,
            hint="name the subnets with a way out in egressSubnetIds",
        )


def _listed(values: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(f"{name}: {', '.join(items) or 'none'}" for name, items in values.items())
