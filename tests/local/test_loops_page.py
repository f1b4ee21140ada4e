"""The configuration on the page about loops, compiled and run here with scripts that do its work."""

from __future__ import annotations

import pytest

from smp.compiler.compile import compile_pipeline
from smp.config.load import load_project
from smp.graph import build_graphs
from tests.compiler.compiling import ROOT
from tests.compiler.test_pages import BLOCK
from tests.graph.workspace import write
from tests.local.pipelines import Workspace, log_of, statuses, step_of

PREPARE = """
import os
from pathlib import Path

region = os.environ["REGION"]
(sales,) = Path("/opt/ml/processing/input/sales").iterdir()
Path("/opt/ml/processing/output/train/rows.csv").write_text(f"{region},{sales.read_text()}")
"""
TRAIN = """
import os
from pathlib import Path

place = Path(os.environ["SM_CHANNEL_PREPARE_TRAIN"], "rows.csv")
region, sales = place.read_text().split(",")
error = float(sales) / int(os.environ["SM_HP_DEPTH"])
print(f"{region} mae={error}")
Path(os.environ["SM_MODEL_DIR"], "region").write_text(region)
"""
SALES = {"north": "24", "south": "8", "west": "12"}


@pytest.mark.slow
def test_the_best_region_is_registered(workspace: Workspace) -> None:
    (text,) = BLOCK.findall((ROOT / "docs" / "loops.md").read_text("utf-8"))
    models = workspace.root / "model_configs" / "demand"
    write(models / "conf" / "conf.yaml", text)
    write(models / "scripts" / "prepare.py", PREPARE)
    write(models / "scripts" / "train.py", TRAIN)
    for region, sales in SALES.items():
        workspace.put(f"demand/{region}/sales.txt", sales)
    (graph,) = build_graphs(load_project(workspace.root))
    run = workspace.run(compile_pipeline(graph, workspace.places.code), jobs=4)
    assert statuses(run) == {
        "regions": "Succeeded",
        **{f"{step}-{index}": "Succeeded" for index in range(3) for step in ("prepare", "fit")},
        "good-enough": "Succeeded",
        "register-RegisterModel": "Succeeded",
    }
    assert "south mae=1.0" in log_of(run, "fit-1")
    assert step_of(run, "regions").result["Selector"] == {"StepName": "fit", "Index": 1}
    best = step_of(run, "fit-1").result["ModelArtifacts"]["S3ModelArtifacts"]
    registered = step_of(run, "register-RegisterModel").arguments["InferenceSpecification"]
    assert registered["Containers"][0]["ModelDataUrl"] == best
