"""Loading is quick and imports nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from smp.config.load import load_project
from tests.config.workspace import BASE, CONF, SCRIPTS, make_workspace, place_file

HEAVY = ("sagemaker", "aws_cdk", "botocore", "boto3", "jsii", "numpy")


def test_a_hundred_files_load_in_a_moment(tmp_path: Path) -> None:
    for number in range(100):
        model = tmp_path / "model_configs" / f"model-{number}"
        place_file(model / "conf/conf.yaml", BASE.replace("churn", f"model-{number}"))
        for script in SCRIPTS:
            place_file(model / "scripts" / script, "")
    start = time.process_time()
    project = load_project(tmp_path)
    assert time.process_time() - start < 1.5
    assert len(project.pipelines) == len(project.models) == 100


def test_loading_imports_no_sdk(tmp_path: Path) -> None:
    make_workspace(tmp_path, {CONF: BASE})
    program = (
        "import sys; from pathlib import Path; from smp.config.load import load_project; "
        f"load_project(Path({str(tmp_path)!r})); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
