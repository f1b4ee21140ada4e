"""Fetches what an instance-hour of a SageMaker job costs on demand from the AWS Price List API.

It never fills a gap: a price that the list lacks, or has in several forms, is unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from smp.aws.service_errors import explained
from smp.aws.session import Session, client
from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.language import parameter_of
from smp.definition.prices import Prices
from smp.definition.step_types import row_of

SERVICE_CODE = "AmazonSageMaker"
HOME_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}
"""Region of the Price List API, by partition; it knows the prices of all its regions."""

USAGE = re.compile(
    r"(?:[A-Z][A-Za-z0-9]*-)?(?P<job>Train|Processing|Tsform):(?P<type>ml(?:\.[a-z0-9-]+){2})"
)
"""Usage types such as `USE1-Train:ml.m5.large`; those of spot, HyperPod, Studio and others differ."""

JOBS = {"Train": "training", "Processing": "processing", "Tsform": "transform"}
NOT_ON_DEMAND = re.compile(r"free|spot|reserved|geo|_dw", re.IGNORECASE)
HOURS = {"hrs", "hr", "hour", "hours"}

Key = tuple[str, str]
"""Kind of job and instance type."""


@dataclass(frozen=True)
class Refreshed:
    """The prices that were found, and why others were not."""

    prices: Prices
    unknown: Mapping[Key, str]


def instance_types(pipelines: Iterable[CompiledPipeline]) -> frozenset[Key]:
    """Return the kinds of jobs and their instance types in these pipelines.

    A type that a parameter chooses counts with the parameter's default and every value it allows.
    """
    found = set()
    for pipeline in pipelines:
        declared = {item["Name"]: item for item in pipeline.definition.get("Parameters", [])}
        for step in pipeline.steps():
            job = row_of(step).billed_as
            if job is not None and job in JOBS.values():
                arguments = step.get("Arguments", {})
                found |= {(job, name) for name in _types(arguments, declared)}
    return frozenset(found)


def fetch_prices(session: Session, region: str, wanted: frozenset[Key] | None = None) -> Refreshed:
    """Ask for the prices of a region; `wanted` of None is all of them. Raises SetupError and RunError."""
    partition = session.get_partition_for_region(region)
    home = HOME_REGIONS.get(partition, "us-east-1")
    pricing = client(session, "pricing", region_name=home)
    by_region = {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}
    found: dict[Key, set[tuple[str, float]]] = {}
    with explained(f"fetch the prices of {region}"):
        pages = pricing.get_paginator("get_products").paginate(
            ServiceCode=SERVICE_CODE, Filters=[by_region]
        )
        for page in pages:
            for text in page["PriceList"]:
                for key, offers in _offers(json.loads(text), region):
                    found.setdefault(key, set()).update(offers)
    return _refreshed(region, found, wanted)


def _refreshed(
    region: str, found: Mapping[Key, set[tuple[str, float]]], wanted: frozenset[Key] | None
) -> Refreshed:
    currencies = sorted({currency for offers in found.values() for currency, _ in offers})
    currency = "USD" if "USD" in currencies or not currencies else currencies[0]
    per_hour: dict[str, dict[str, float]] = {job: {} for job in JOBS.values()}
    unknown = {}
    for key in sorted(found if wanted is None else wanted):
        prices = sorted(price for unit, price in found.get(key, ()) if unit == currency)
        if len(prices) == 1:
            per_hour[key[0]][key[1]] = prices[0]
        elif prices:
            several = ", ".join(f"{price:g}" for price in prices)
            unknown[key] = f"the price list has several prices: {several}"
        else:
            unknown[key] = f"the price list has none for {region}"
    today = datetime.now(UTC).date().isoformat()
    return Refreshed(Prices(today, region, currency, per_hour), unknown)


def _offers(item: Json, region: str) -> Iterator[tuple[Key, set[tuple[str, float]]]]:
    """Yield the price of an instance-hour in a product of the list: currency and price."""
    attributes = item.get("product", {}).get("attributes", {})
    match = USAGE.fullmatch(attributes.get("usagetype", ""))
    in_region = attributes.get("regionCode", region) == region
    of_region = attributes.get("locationType", "AWS Region") == "AWS Region"
    kind = str(attributes.get("platoinstancetype", ""))
    if match and in_region and of_region and not NOT_ON_DEMAND.search(kind):
        yield (JOBS[match["job"]], match["type"]), set(_prices(item.get("terms", {})))


def _prices(terms: Json) -> Iterator[tuple[str, float]]:
    """Yield each price of an hour on demand; nothing for free tiers and for units other than hours."""
    for offer in terms.get("OnDemand", {}).values():
        for dimension in offer.get("priceDimensions", {}).values():
            if str(dimension.get("unit", "")).lower() in HOURS:
                for currency, text in dimension.get("pricePerUnit", {}).items():
                    if float(text) > 0:
                        yield currency, float(text)


def _types(value: Any, declared: Mapping[str, Json]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "InstanceType":
                yield from _chosen(item, declared)
            else:
                yield from _types(item, declared)
    elif isinstance(value, list):
        for item in value:
            yield from _types(item, declared)


def _chosen(value: Any, declared: Mapping[str, Json]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif (name := parameter_of(value)) is not None:
        parameter = declared.get(name, {})
        texts = [parameter.get("DefaultValue"), *(parameter.get("EnumValues") or [])]
        yield from (text for text in texts if isinstance(text, str))
