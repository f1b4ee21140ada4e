"""`smp prices`: what the Price List API answers becomes a dated file; what it does not say is unknown.

Every number in here is invented.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from smp.aws.price_list import instance_types
from smp.cli.authoring import scaffold_model
from smp.definition.compiled import CompiledPipeline
from smp.definition.prices import load_prices
from tests.aws.account import REGION
from tests.aws.conftest import RunSmp
from tests.aws.price_list_server import Json, PriceList


def test_prices_of_all_instance_types_are_written_with_region_and_day(
    price_list: PriceList, run_smp: RunSmp, tmp_path: Path
) -> None:
    before = datetime.now(UTC).date().isoformat()

    done = run_smp("prices", "refresh", "--all")

    written = json.loads((tmp_path / "prices.json").read_text("utf-8"))
    assert done.status == 0
    assert before <= written.pop("retrieved") <= datetime.now(UTC).date().isoformat()
    assert written == {
        "region": REGION,
        "currency": "USD",
        "per_hour": {
            "training": {"ml.m5.large": 1111.1},
            "processing": {"ml.m5.large": 2222.2},
            "transform": {"ml.c5.xlarge": 5555.5},
        },
    }
    assert done.out == (
        f"prices.json: 3 prices of {REGION} in USD\n"
        "  unknown: ml.p3.2xlarge for training: the price list has several prices: 3333.3, 4444.4\n"
    )
    assert price_list.asked[0]["ServiceCode"] == "AmazonSageMaker"
    assert price_list.asked[0]["Filters"] == [
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": REGION}
    ]
    assert len(price_list.asked) == 7


@pytest.mark.slow
@pytest.mark.usefixtures("price_list")
def test_only_instance_types_of_the_workspace_are_written(run_smp: RunSmp, tmp_path: Path) -> None:
    scaffold_model(tmp_path, "fraud_check")

    done = run_smp("prices", "refresh")

    prices = load_prices(tmp_path)
    assert done.status == 0
    assert prices is not None
    assert prices.of("training", "ml.m5.large") == 1111.1
    assert prices.of("transform", "ml.c5.xlarge") is None


@pytest.mark.usefixtures("price_list")
def test_prices_are_shown(run_smp: RunSmp, tmp_path: Path) -> None:
    run_smp("prices", "refresh", "--all")
    retrieved = json.loads((tmp_path / "prices.json").read_text("utf-8"))["retrieved"]

    text, fields = run_smp("prices", "show"), run_smp("prices", "show", "--format", "json")

    assert text.out == (
        f"prices of {REGION}, retrieved {retrieved}\n"
        "  job         instance type  USD per hour\n"
        "  training    ml.m5.large       1111.1000\n"
        "  processing  ml.m5.large       2222.2000\n"
        "  transform   ml.c5.xlarge      5555.5000\n"
    )
    assert json.loads(fields.out)["per_hour"]["training"] == {"ml.m5.large": 1111.1}


def test_fails_and_keeps_the_file_where_the_list_has_no_price(
    price_list: PriceList, run_smp: RunSmp, tmp_path: Path
) -> None:
    (tmp_path / "prices.json").write_text("kept", "utf-8")
    price_list.items = []

    done = run_smp("prices", "refresh", "--all")

    assert done.status == 1
    assert "the price list has none of the prices asked for" in done.err
    assert (tmp_path / "prices.json").read_text("utf-8") == "kept"


def test_fails_to_show_prices_that_were_never_fetched(run_smp: RunSmp) -> None:
    done = run_smp("prices", "show")

    assert done.err == "smp: there is no prices.json\n    hint: fetch it: smp prices refresh\n"


def test_instance_types_are_those_of_jobs_and_of_what_parameters_allow() -> None:
    parameter = {
        "Name": "Type",
        "Type": "String",
        "DefaultValue": "ml.a.x",
        "EnumValues": ["ml.a.x", "ml.b.x"],
    }

    def step(kind: str, value: Any) -> Json:
        return {"Name": kind, "Type": kind, "Arguments": {"R": [{"InstanceType": value}]}}

    steps = [
        step("Processing", "ml.m5.large"),
        step("Training", {"Get": "Parameters.Type"}),
        step("Tuning", "ml.c.x"),
        step("Transform", {"Get": "Steps.x.y"}),
        step("RegisterModel", "ml.not.used"),
    ]
    pipeline = CompiledPipeline("p", {"Parameters": [parameter], "Steps": steps}, (), Path())

    assert instance_types([pipeline]) == {
        ("processing", "ml.m5.large"),
        ("training", "ml.a.x"),
        ("training", "ml.b.x"),
        ("training", "ml.c.x"),
    }
