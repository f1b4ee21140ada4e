"""The app as a whole, run as the CDK runs it, on a copy with the bundled examples."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cfnlint
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("smp", "constructs_lib", "stacks", "model_configs", "app.py", "cdk.json")
CHURN = Path("model_configs/churn_lightgbm")
MADE_BY_THE_CDK = ["W3005"]
"""The CDK writes a DependsOn beside a reference to the same resource (W3005)."""
ON_PURPOSE = ["W6001"]
"""The bucket's name is an output of each pipeline's stack, for the person who looks there."""


def copy_of_the_app(directory: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, directory / name, ignore=ignored)
        else:
            shutil.copy2(source, directory / name)
    return directory


def run(app: Path, *, ok: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = ("PATH", "HOME", "JSII_NODE", "JSII_RUNTIME_PACKAGE_CACHE_ROOT")
    environ = {name: os.environ[name] for name in kept if name in os.environ}
    environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".cache" / "jsii"))
    finished = subprocess.run(
        [sys.executable, "app.py"],
        cwd=app,
        env={**environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode == 0) is ok, finished.stderr
    return finished


def templates(app: Path, directory: str = "cdk.out") -> dict[str, str]:
    found = (app / directory).glob("*.template.json")
    return {path.name.removesuffix(".template.json"): path.read_text() for path in found}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app, synthesized once; a test that changes it puts it back."""
    copied = copy_of_the_app(tmp_path_factory.mktemp("app"))
    run(copied)
    return copied


def test_every_example_has_its_stack(app: Path) -> None:
    assert set(templates(app)) == {
        "Smp-Foundation",
        "Smp-Pipeline-churn-batch",
        "Smp-Pipeline-churn-lightgbm",
        "Smp-Pipeline-housing",
        "Smp-Pipeline-summarization-llm",
        "Smp-Pipeline-video-recommender",
    }


def test_templates_are_those_of_the_last_accepted_change(app: Path, update_golden: bool) -> None:
    """`pytest tests/test_app.py --update-golden` accepts a change of what is deployed."""
    kept = Path(__file__).with_name("template_hashes.json")
    hashes = {
        name: hashlib.sha256(text.encode()).hexdigest() for name, text in templates(app).items()
    }
    if update_golden:
        kept.write_text(json.dumps(hashes, indent=1, sort_keys=True) + "\n")
    assert hashes == json.loads(kept.read_text())


def test_two_syntheses_are_equal_to_the_byte(app: Path) -> None:
    run(app, SMP_SYNTH_ALWAYS="1", CDK_OUTDIR="again", PYTHONHASHSEED="7")
    first, second = (
        {
            path.relative_to(app / out).as_posix(): path.read_bytes()
            for path in (app / out).rglob("*")
            if path.is_file() and not path.name.startswith((".smp", "performance"))
        }
        for out in ("cdk.out", "again")
    )
    assert first == second


def test_templates_are_clean_to_cfn_lint(app: Path) -> None:
    for path in (app / "cdk.out").glob("*.template.json"):
        found = cfnlint.lint(
            path.read_text(),
            config=cfnlint.ManualArgs(ignore_checks=[*MADE_BY_THE_CDK, *ON_PURPOSE]),
        )
        assert [str(match) for match in found] == []


def test_no_policy_check_found_anything(app: Path) -> None:
    report = json.loads((app / "cdk.out" / "validation-report.json").read_text())
    assert report["pluginReports"] == []


def test_no_account_and_no_lookup_is_needed(app: Path) -> None:
    manifest = json.loads((app / "cdk.out" / "manifest.json").read_text())
    assert "missing" not in manifest
    assert str(app) not in json.dumps(templates(app))


def _seconds_of_a_run(app: Path) -> float:
    started = time.perf_counter()
    run(app)
    return time.perf_counter() - started


def test_an_unchanged_app_leaves_everything_as_it_is(app: Path) -> None:
    out = app / "cdk.out"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert min(_seconds_of_a_run(app) for _ in range(3)) < 2
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_changed_script_changes_its_pipeline_alone(app: Path) -> None:
    before = templates(app)
    script = app / CHURN / "scripts" / "train.py"
    text = script.read_text()
    script.write_text(text + "# changed\n")
    run(app)
    changed = {name for name, template in templates(app).items() if template != before[name]}
    script.write_text(text)
    assert changed == {"Smp-Pipeline-churn-lightgbm"}


def test_an_edit_in_place_that_keeps_size_and_time_is_deployed(app: Path) -> None:
    """The CDK has a cache of fingerprints below HOME that does not see it."""
    function = app / "smp" / "lookup" / "approved_model.py"
    node = str(ROOT / "tools" / "jsii-node")
    run(app, JSII_NODE=node, CDK_OUTDIR="patched")
    text, status = function.read_text(), function.stat()
    with function.open("r+") as file:
        file.write(text.replace("e", "E", 1))
    os.utime(function, ns=(status.st_atime_ns, status.st_mtime_ns))
    patched = function.read_text()
    run(app, JSII_NODE=node, CDK_OUTDIR="patched")
    function.write_text(text)
    manifest = json.loads((app / "patched" / "Smp-Pipeline-churn-batch.assets.json").read_text())
    sources = [app / "patched" / file["source"]["path"] for file in manifest["files"].values()]
    deployed = [path.read_text() for source in sources for path in source.glob(function.name)]
    assert patched != text
    assert deployed == [patched]


def test_a_model_less_changes_no_other_pipeline(app: Path, tmp_path: Path) -> None:
    run(app)
    before = templates(app)
    batch = app / "model_configs" / "churn_batch"
    removed = shutil.move(batch, tmp_path / "removed")
    run(app, CDK_OUTDIR="fewer")
    shutil.move(removed, batch)
    after = templates(app, "fewer")
    assert set(before) - set(after) == {"Smp-Pipeline-churn-batch"}
    assert after.items() <= before.items()


def test_an_environment_has_names_of_its_own(app: Path) -> None:
    smp = {
        "environments": {
            "staging": {"region": "eu-west-1", "network": {"internetEgress": True}},
            "prod": {},
        }
    }
    context = json.dumps({"smp": smp, "environment": "staging"})
    run(app, CDK_CONTEXT_JSON=context, CDK_OUTDIR="staging")
    assert set(templates(app, "staging")) >= {
        "Smp-staging-Foundation",
        "Smp-staging-Pipeline-housing",
    }


def test_fails_without_a_traceback_for_a_wrong_config(app: Path) -> None:
    config = app / CHURN / "conf" / "conf.yaml"
    text = config.read_text()
    config.write_text(
        text.replace("num_leaves", "num'leaves", 1).replace("instance_type", "instanse", 1)
    )
    finished = run(app, ok=False)
    config.write_text(text)
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    assert "conf.yaml:" in finished.stderr


def test_fails_without_a_traceback_for_a_wrong_setting(app: Path) -> None:
    context = json.dumps({"smp": {"environments": {"default": {"regoin": "x"}}}})
    finished = run(app, ok=False, CDK_CONTEXT_JSON=context)
    assert finished.stderr.startswith(
        "cdk.json: context.smp.environments.default.regoin: unknown key"
    )


def test_fails_where_a_pipeline_asks_for_the_internet_and_gets_none(app: Path) -> None:
    context = json.dumps({"smp": {"environments": {"default": {}, "prod": {}}}})
    finished = run(app, ok=False, CDK_CONTEXT_JSON=context)
    assert (
        "sagemakerNetworkSecurity.internet_egress: pipeline 'summarization-llm'" in finished.stderr
    )
    assert "context.smp.environments.default.network.internetEgress" in finished.stderr
    assert "Traceback" not in finished.stderr
