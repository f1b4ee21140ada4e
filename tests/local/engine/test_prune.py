"""Old runs and unused code go; what anything refers to, and every object, stays."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from smp.local.engine import prune as module
from smp.local.engine.prune import prune
from smp.local.store.model_registry import Registry
from smp.local.store.run_store import Run, RunStore
from tests.local.pipelines import Workspace, processing, statuses
from tests.local.test_resume import only_run, start


def age(workspace: Workspace) -> None:
    """Make the code trees older than a compilation lasts."""
    then = time.time() - 2 * module.RECENT_SECONDS
    for tree in workspace.places.code.iterdir():
        os.utime(tree, (then, then))


def runs(workspace: Workspace, *texts: str, pipeline: str = "one") -> list[Run]:
    """Run a pipeline with one script after another, oldest first."""
    found = []
    for number, text in enumerate(texts):
        workspace.code.clear()
        step = workspace.processing("step", text)
        run = workspace.run(workspace.pipeline(step, name=pipeline))
        renamed = run.directory.with_name(f"2026010{number}-000000-{pipeline}{number}")
        run.write(replace(run.record(), id=renamed.name))
        found.append(Run(run.directory.rename(renamed)))
    age(workspace)
    return found


def kept(workspace: Workspace) -> list[str]:
    return [run.id for run in reversed(RunStore(workspace.places.runs).all())]


def test_the_newest_runs_of_each_pipeline_stay_with_their_code(workspace: Workspace) -> None:
    one = runs(workspace, "1", "2", "3")
    two = runs(workspace, "1", "4", pipeline="two")
    size = sum(f.stat().st_size for f in one[0].directory.rglob("*") if f.is_file())

    planned = prune(workspace.places, 2, dry_run=True)
    assert kept(workspace) == sorted(run.id for run in (*one, *two))
    pruned = prune(workspace.places, 2)

    assert pruned == planned
    assert pruned.runs == (one[0].id,)
    assert pruned.code == ()
    assert pruned.bytes_freed == size

    again = prune(workspace.places, 1)
    assert kept(workspace) == sorted([one[2].id, two[1].id])
    assert len(again.code) == 2
    assert len(list(workspace.places.code.iterdir())) == 2
    assert not (workspace.places.root / "removed").exists()


def test_code_that_is_referred_to_or_young_stays(workspace: Workspace) -> None:
    runs(workspace, "registered", "compiled", "young", "last")
    trees = {
        (tree / "script.py").read_text(): tree for tree in sorted(workspace.places.code.iterdir())
    }
    uri = f"s3://smp-local/code/{trees['registered'].name}/"
    request = {"ModelPackageGroupName": "group", "Tags": [], "ModelPackageDescription": uri}
    Registry(workspace.places.registry).register(request, token="a/b")
    compiled = workspace.places.root / "compiled" / "one.json"
    compiled.parent.mkdir()
    compiled.write_text(f'{{"compiled": "{{\\"sha256\\": \\"{trees["compiled"].name}\\"}}"}}')
    os.utime(trees["young"])

    assert prune(workspace.places, 1).code == ()
    age(workspace)
    assert prune(workspace.places, 1).code == (trees["young"].name,)


def test_no_object_is_removed(workspace: Workspace) -> None:
    workspace.put("models/m/output/model.tar.gz", "model")
    runs(workspace, "1")
    before = sorted(workspace.places.buckets.rglob("*"))

    prune(workspace.places, 0)

    assert kept(workspace) == []
    assert sorted(workspace.places.buckets.rglob("*")) == before


def test_a_run_that_is_going_on_stays_and_ends_well(workspace: Workspace) -> None:
    step = workspace.processing("slow", "import time; print('up', flush=True); time.sleep(1)")
    then = {**workspace.processing("then", "print(1)"), "DependsOn": ["slow"]}
    runner = start(workspace, workspace.pipeline(step, then))
    assert runner.stdout is not None
    while "up" not in runner.stdout.readline():
        pass
    age(workspace)

    pruned = prune(workspace.places, 0)

    run = only_run(workspace)
    assert pruned == module.Pruned((), (), (run.id,), 0)
    runner.communicate(timeout=30)
    assert set(statuses(run).values()) == {"Succeeded"}


def test_what_a_killed_prune_left_goes_with_the_next(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = runs(workspace, "1", "2")

    def killed(_: Path) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(
            module, "_empty", lambda directory: killed(directory) if directory.exists() else 0
        )
        with pytest.raises(KeyboardInterrupt):
            prune(workspace.places, 1)
    assert kept(workspace) == [two.id]
    assert list((workspace.places.root / "removed").iterdir())

    assert prune(workspace.places, 1).bytes_freed > 0
    assert not (workspace.places.root / "removed").exists()
    assert statuses(two) == {"step": "Succeeded"}
    assert one.id not in kept(workspace)


def test_a_workspace_without_runs_has_nothing_to_remove(workspace: Workspace) -> None:
    assert prune(workspace.places, 3) == module.Pruned((), (), (), 0)
    workspace.run(workspace.pipeline(processing("a")))
    assert prune(workspace.places, 3) == module.Pruned((), (), (), 0)
