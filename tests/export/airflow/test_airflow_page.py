"""What docs/airflow.md shows is what happens."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from smp.cli.entry import main
from smp.export.airflow import render_dag
from smp.export.airflow.runtime_files import runtime_files
from tests.export.airflow.deployment import example

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "airflow.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_export_of_the_page_writes_what_the_page_lists(tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text(blocks("json")[0], encoding="utf-8")
    words = shlex.split(blocks("sh")[0])[1:]
    words[words.index("-o") + 1] = str(tmp_path / "out")
    assert main([*words, "--workspace", str(ROOT)]) == 0
    listed = re.findall(r"^\| `([\w./-]+)` \|", PAGE, flags=re.MULTILINE)
    files = [name for name in listed if "." in name and name != "smp_approved_model.py"]
    assert not [name for name in files if not (tmp_path / "out" / name).is_file()]
    assert main([*words, "--workspace", str(ROOT), "--values", str(values)]) == 0
    given = json.loads((tmp_path / "out" / "churn-lightgbm_values.json").read_text())
    assert given["subnets"] == ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    assert given["bucket"] == "example-data"


def test_the_excerpts_stand_in_the_dag() -> None:
    dag = render_dag(example("churn-lightgbm"))["churn-lightgbm.py"]
    assert all(excerpt in dag for excerpt in blocks("python"))
    assert len(blocks("python")) == 2


def test_the_settings_are_those_that_the_runtime_reads() -> None:
    runtime = runtime_files(has_lookup=False)["smp_airflow.py"]
    for name in re.findall(r"AIRFLOW__SMP__(\w+)`", PAGE):
        assert f'"smp", "{name.lower()}"' in runtime
