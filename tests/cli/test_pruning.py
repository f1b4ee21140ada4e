"""`smp prune`: what it says, and what it asks for."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import RunSmp
from tests.cli.test_trial_logs import make_run


def test_it_says_what_it_removed(run_smp: RunSmp, tmp_path: Path) -> None:
    runs = [make_run(tmp_path) for _ in range(3)]
    here = ("--workspace", tmp_path)

    planned = run_smp("prune", "--keep", "1", "--dry-run", *here)
    assert planned.out.startswith("would remove 2 runs and 0 code trees, ")
    done = run_smp("prune", "--keep", "1", "--format", "json", *here)
    fields = json.loads(done.out)
    assert len(fields["runs"]) == 2
    assert fields["bytes_freed"] > 0
    assert sum(run.directory.exists() for run in runs) == 1
    assert run_smp("prune", "--keep", "1", *here).out == "removed 0 runs and 0 code trees, 0 B\n"


def test_fails_without_a_number(run_smp: RunSmp, tmp_path: Path) -> None:
    for keep in ((), ("--keep", "-1"), ("--keep", "all")):
        assert run_smp("prune", *keep, "--workspace", tmp_path).status == 2
