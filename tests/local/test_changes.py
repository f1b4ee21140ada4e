"""What a resumed run would do otherwise than a new one: by changing what a run was made of."""

from __future__ import annotations

from smp.local.engine.changes import changes_since
from smp.local.store.run_store import Run
from tests.local.pipelines import BUCKET, Workspace, processing


def interrupted(workspace: Workspace) -> Run:
    """A run whose first step has read data and whose second failed."""
    read = {"table": workspace.put("table/a.csv", "1")}
    first = processing("first", inputs=read, outputs={"o": f"{BUCKET}/made"})
    second = processing("second", ("/bin/sh", "-c", "false"), depends=["first"])
    return workspace.run(workspace.pipeline(first, second))


def changes(run: Run, workspace: Workspace) -> list[str]:
    return changes_since(run, run.compiled(workspace.places.code), {}, workspace.places)


def test_nothing_changed(workspace: Workspace) -> None:
    assert changes(interrupted(workspace), workspace) == []


def test_data_that_a_finished_step_read(workspace: Workspace) -> None:
    run = interrupted(workspace)
    workspace.put("table/a.csv", "2")
    expected = f"input table of step first was changed ({BUCKET}/table/a.csv)"
    assert changes(run, workspace) == [expected]


def test_data_that_no_step_has_read_yet(workspace: Workspace) -> None:
    run = interrupted(workspace)
    workspace.put("other/a.csv", "2")
    assert changes(run, workspace) == []
