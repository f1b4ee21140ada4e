"""The stand-in of docs/local-run.md, from its configuration to the report."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

import smp
from smp.local.store.places import Places
from smp.local.store.run_store import RunStore
from tests.cli.conftest import RunSmp

PAGE = Path(smp.__file__).parents[1] / "docs" / "local-run.md"
RATINGS = "\n".join(
    f"{user},{item},{1 + (user + item) % 2 * 4}" for user in range(6) for item in range(6)
)


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """The workspace that the page writes, with data in its local bucket."""
    for block in re.findall(r"^```\w+\n# (\S+\n.*?)^```$", PAGE.read_text("utf-8"), re.S | re.M):
        name, _, text = block.partition("\n")
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    (tmp_path / "ratings.csv").write_text(RATINGS, "utf-8")
    return tmp_path


@pytest.mark.slow
def test_the_stand_in_of_the_page_learns_and_is_named_everywhere(
    run_smp: RunSmp, ratings: Path
) -> None:
    script, here = "local/factorise.py", ("--workspace", ratings)
    put = run_smp(
        "s3", "put", ratings / "ratings.csv", "s3://local/ratings/train/ratings.csv", *here
    )
    assert put.status == 0, put.err
    done = run_smp("run", "ratings", *here)
    assert done.status == 0, done.err
    assert f"(stand-in {script})" in done.err

    assert f"stand-in: {script}" in run_smp("show", "last", *here).out
    page = ratings / "report.html"
    assert run_smp("report", "last", "-o", page, *here).status == 0
    text = html.unescape(re.sub(r"<[^>]+>", "", page.read_text("utf-8")))
    assert f"ratings-training ran a stand-in: {script}" in text
    assert f"STAND-IN: {script}" in text

    run = RunStore(Places(ratings / ".smp").runs).get("last")
    record = run.step("ratings-training")
    assert record is not None
    values = [metric["value"] for metric in record.metrics if metric["name"] == "train:rmse"]
    assert len(values) == 60
    assert values[-1] < 0.2 < values[0]


def test_validate_notes_an_algorithm_that_has_no_stand_in(run_smp: RunSmp, ratings: Path) -> None:
    here = ("--workspace", ratings)
    assert "note" not in run_smp("validate", *here).out

    conf = ratings / "model_configs" / "ratings" / "conf" / "conf.yaml"
    text = conf.read_text("utf-8")
    conf.write_text(text.replace("        local_stand_in: local/factorise.py\n", ""), "utf-8")
    done = run_smp("validate", *here)

    assert done.status == 0
    (note,) = [line for line in done.out.splitlines() if line.startswith("note: ")]
    assert note.endswith(
        "conf.models.ratings.train: runs locally only with a stand-in: "
        "its algorithm is in the image alone"
    )
    assert "local_stand_in" in done.out
    (field,) = json.loads(run_smp("validate", "--format", "json", *here).out)["notes"]
    assert field["path"] == "conf.models.ratings.train"


def test_validate_notes_a_model_that_nothing_serves_here(run_smp: RunSmp, ratings: Path) -> None:
    conf = ratings / "model_configs" / "ratings" / "conf" / "conf.yaml"
    text = conf.read_text("utf-8")
    conf.write_text(
        text.replace("  sagemakerPipeline:\n", "      transform: {}\n  sagemakerPipeline:\n")
    )
    done = run_smp("validate", "--workspace", ratings)
    assert done.status == 0
    (note,) = [line for line in done.out.splitlines() if line.startswith("note: ")]
    assert note.endswith(
        "conf.models.ratings.transform: runs locally only with a stand-in: "
        "the server of its model is in the image alone"
    )
