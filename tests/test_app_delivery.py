"""The app as a whole with `-c delivery=true`, on a copy with the bundled examples and settings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.test_app import ROOT, copy_of_the_app, run

pytestmark = pytest.mark.slow

CHURN = "model_configs/churn_lightgbm/conf/conf.yaml"
PROD = "    prod:"
PROD_ALONE = f"""\
{PROD}
      models:
        churn-lightgbm:
          train:
            volume_size_in_gb: 77
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copied = copy_of_the_app(tmp_path_factory.mktemp("app"))
    shutil.copy2(ROOT / "package.json", copied)
    return copied


def context(**changes: Any) -> str:
    return json.dumps({"delivery": "true", **changes})


def stack_texts(assembly: Path, stage: str) -> dict[str, str]:
    directory = assembly / f"assembly-Smp-Delivery-{stage}"
    artifacts = json.loads((directory / "manifest.json").read_text())["artifacts"].values()
    return {
        artifact["properties"]["stackName"].removeprefix(f"Smp-{stage}-"): (
            directory / artifact["properties"]["templateFile"]
        ).read_text()
        for artifact in artifacts
        if artifact["type"] == "aws:cloudformation:stack"
    }


def test_the_example_settings_deliver_every_example_to_dev_and_prod(app: Path) -> None:
    run(app, CDK_CONTEXT_JSON=context())
    for stage in ("dev", "prod"):
        assert set(stack_texts(app / "cdk.out", stage)) == {
            "Foundation",
            "DeliveryAccess",
            "Pipeline-churn-batch",
            "Pipeline-churn-lightgbm",
            "Pipeline-housing",
            "Pipeline-summarization-llm",
            "Pipeline-video-recommender",
        }
    report = json.loads((app / "cdk.out" / "validation-report.json").read_text())
    assert report["pluginReports"] == []
    manifest = json.loads((app / "cdk.out" / "manifest.json").read_text())
    assert "missing" not in manifest


def test_a_change_for_prod_alone_changes_nothing_in_dev(app: Path) -> None:
    run(app, CDK_CONTEXT_JSON=context(), CDK_OUTDIR="before")
    config = app / CHURN
    text = config.read_text("utf-8")
    before_prod, _, after_prod = text.partition(PROD)
    rest = after_prod.partition("\n")[2]
    config.write_text(f"{before_prod}{PROD_ALONE}{rest}", "utf-8")
    run(app, CDK_CONTEXT_JSON=context(), CDK_OUTDIR="after")
    config.write_text(text, "utf-8")
    before, after = (
        {s: stack_texts(app / d, s) for s in ("dev", "prod")} for d in ("before", "after")
    )
    assert after["dev"] == before["dev"]
    changed = {name for name, each in after["prod"].items() if each != before["prod"][name]}
    assert changed == {"Pipeline-churn-lightgbm"}


def test_fails_without_a_delivery_in_the_settings(app: Path) -> None:
    finished = run(app, ok=False, CDK_CONTEXT_JSON=context(smp={}))
    assert finished.stderr.startswith(
        "cdk.json: context.smp.delivery: the settings have no delivery"
    )
    assert "hint: add the section" in finished.stderr
    assert "Traceback" not in finished.stderr
