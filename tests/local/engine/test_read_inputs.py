"""What a run remembers of the data that its steps read, and how two runs show that it changed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from smp.local.engine.step_runner import read_inputs
from smp.local.show.compare import compare_runs, comparison
from smp.local.store import file_hashes as module
from smp.local.store.file_hashes import FileHashes
from smp.local.store.run_store import Run
from smp.local.store.step_data import StepData, hash_of
from tests.local.pipelines import BUCKET, Workspace, cached, processing, step_of


def run(workspace: Workspace, **options: Any) -> Run:
    """Run a step that reads two inputs, and one that reads what it wrote below the run's own prefix."""
    made = {"Get": "Steps.one.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"}
    own = {"Std:Join": {"On": "/", "Values": [BUCKET, {"Get": "Execution.PipelineExecutionId"}]}}
    script = """
    text = open('/opt/ml/processing/input/table/a.csv').read()
    open('/opt/ml/processing/output/o/text', 'w').write(text)
    """
    inputs = {"table": f"{BUCKET}/table", "fixed": f"{BUCKET}/fixed"}
    one = workspace.processing("one", script, inputs=inputs, outputs={"o": own}, **options)
    two = processing("two", inputs={"made": made})
    return workspace.run(workspace.pipeline(one, two))


def look(workspace: Workspace, key: str) -> Mapping[str, Any]:
    """Return the record of one input."""
    data = StepData(workspace.pipeline(), workspace.places)
    (found,) = read_inputs(
        [data.find("in", f"{BUCKET}/{key}")], FileHashes(workspace.places.hashes)
    )
    return found


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    workspace.put("table/a.csv", "1")
    workspace.put("table/b.csv", "2")
    workspace.put("fixed/c.csv", "3")
    return workspace


def test_a_step_remembers_what_it_read(filled: Workspace) -> None:
    record = step_of(run(filled), "one")
    filled.put("table/a.csv", "other")

    fixed, table = sorted(record.inputs, key=lambda item: str(item["name"]))
    assert (table["name"], table["files"], table["size"]) == ("table", 2, 2)
    assert fixed["sha256"] == "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"


def test_a_comparison_names_the_inputs_that_changed_and_no_others(filled: Workspace) -> None:
    before = run(filled)
    same = run(filled)
    filled.put("table/a.csv", "7")
    after = run(filled)

    assert comparison(before, same, filled.places)["inputs"] == []
    fields = json.loads(json.dumps(comparison(before, after, filled.places)))["inputs"]
    assert [(change["step"], change["name"]) for change in fields] == [
        ("one", "table"),
        ("two", "made"),
    ]
    assert fields[0]["before"]["sha256"] != fields[0]["after"]["sha256"]
    text = compare_runs(before, after, filled.places)
    (line,) = [line for line in text.splitlines() if " table " in line]
    assert "2 files, 2 B" in line
    assert str(fields[0]["after"]["sha256"])[:12] in line


def test_a_reused_result_has_the_inputs_that_it_was_made_of(filled: Workspace) -> None:
    first = run(filled, **cached())
    second = run(filled, **cached())

    record = step_of(second, "one")
    assert record.reused_from == first.id
    assert record.inputs == step_of(first, "one").inputs


def test_a_large_file_is_hashed_once(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []

    def counting(file: Path) -> str:
        hashed.append(file)
        return hash_of(file)

    monkeypatch.setattr(module, "hash_of", counting)
    filled.put("big", b"x" * 2_000_000)
    time.sleep(2 * module.FINE_SETTLED_SECONDS)
    first, again = (look(filled, "big") for _ in range(2))
    assert len(hashed) == 1
    assert again == first

    filled.put("big", b"y" * 2_000_000)
    time.sleep(2 * module.FINE_SETTLED_SECONDS)
    assert look(filled, "big")["sha256"] != first["sha256"]
    assert look(filled, "big")["listing"] == first["listing"]
    assert len(hashed) == 2


def test_a_large_file_that_has_just_changed_is_hashed_again(filled: Workspace) -> None:
    big = filled.put("big", b"x" * 2_000_000)
    file = filled.store.path_of(big)
    before, times = look(filled, "big"), file.stat()
    with file.open("r+b") as content:
        content.write(b"y")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert look(filled, "big")["sha256"] != before["sha256"]


def test_the_same_size_and_time_do_not_hide_a_change(filled: Workspace) -> None:
    file = filled.store.path_of(filled.put("big", b"x" * 2_000_000))
    time.sleep(2 * module.FINE_SETTLED_SECONDS)
    before, times = look(filled, "big"), file.stat()
    with file.open("r+b") as content:
        content.write(b"y")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert look(filled, "big")["sha256"] != before["sha256"]


def test_a_run_reads_each_object_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counting(file: Path) -> str:
        read.append(file.name)
        return hash_of(file)

    monkeypatch.setattr(module, "hash_of", counting)
    data = {
        "data": workspace.put("data/small", "1"),
        "more": workspace.put("more/big", "x" * 2_000_000),
    }
    time.sleep(2 * module.FINE_SETTLED_SECONDS)
    steps = [processing(f"step-{number}", inputs=data, **cached()) for number in range(3)]
    workspace.run(workspace.pipeline(*steps))

    assert sorted(read) == ["big", "small"]
