"""The records of runs: their order, whose log a step has, and what a dead process left."""

from __future__ import annotations

import time

import pytest

from smp.errors import RunError
from smp.local.store.run_store import RunStore
from tests.local.pipelines import Workspace, cached, processing


def test_runs_of_one_second_keep_their_order(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, compiled = RunStore(workspace.places.runs), workspace.pipeline(processing("a"))
    moments = [1_772_373_909 + fraction / 40 for fraction in range(40)]
    created = []
    for moment in moments:
        monkeypatch.setattr(time, "time", lambda now=moment: now)
        created.append(store.create(compiled, ("a",), {}, {}).id)

    assert [run.id for run in reversed(store.all())] == created
    assert store.get("last").id == created[-1]
    assert {id_[:16] for id_ in created} == {"20260301-140509-"}
    assert {len(id_) for id_ in created} == {22}


def test_fails_to_give_the_log_of_a_reused_step_and_says_which_run_has_it(
    workspace: Workspace,
) -> None:
    step = processing("fit", ("/bin/sh", "-c", "echo fitted"), **cached())
    first = workspace.run(workspace.pipeline(step))
    second = workspace.run(workspace.pipeline(step))

    with pytest.raises(RunError) as caught:
        second.require_log("fit")
    assert str(caught.value) == (
        f"step 'fit' of run {second.id} has written no log\n"
        f"    hint: it took the result of run {first.id}: smp logs {first.id} fit"
    )
    first.log_path("fit").unlink()
    with pytest.raises(RunError, match=f"the result of run {first.id}, which has no log of it"):
        second.require_log("fit")
