"""Nothing changed, nothing runs; and everything that counts is noticed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from smp.config.read.fingerprint import LARGE_BYTES
from stacks.fingerprint import DELIVERY_VARIABLES, STAMP, Assembly

ROOT = Path(__file__).resolve().parents[2]
CONTEXT: dict[str, Any] = {"smp": {"modelConfigs": "models/*/conf/*.yaml"}, "flag": True}
ENVIRON = {"PATH": "/usr/bin", "CDK_CLI_VERSION": "2.1", "HOME": "/nowhere"}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    files = {
        "app.py": "app",
        "cdk.json": "{}",
        "requirements.lock": "a==1",
        "package-lock.json": "{}",
        "smp/engine.py": "engine",
        "stacks/stack.py": "stack",
        "constructs_lib/construct.py": "construct",
        "models/one/conf/conf.yaml": "key: ${env:TEAM}\n",
        "models/one/scripts/train.py": "train",
        "models/one/.smpignore": "*.csv",
        "README.md": "read me",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def assembly(
    workspace: Path,
    environ: Mapping[str, str] = ENVIRON,
    context: Mapping[str, Any] = CONTEXT,
    pattern: str | None = "models/*/conf/*.yaml",
) -> Assembly:
    return Assembly.of(workspace, environ, context, pattern)


def synthesize(workspace: Path, **arguments: Any) -> None:
    """Stand in for a synthesis: what it leaves behind."""
    made = assembly(workspace, **arguments)
    with made.renewed():
        out = made.directory
        (out / "asset.1").mkdir(parents=True, exist_ok=True)
        (out / "asset.1" / "train.py").write_text("train")
        (out / "manifest.json").write_text("{}")
        (out / "Stack.template.json").write_text('{"Resources": {}}')
        (out / "large.zip").write_bytes(b"0" * (LARGE_BYTES + 1))


def write(name: str, text: str = "changed") -> Callable[[Path], object]:
    return lambda workspace: (workspace / name).write_text(text)


def test_an_assembly_is_current_until_something_changes(workspace: Path) -> None:
    assert not assembly(workspace).is_current()
    synthesize(workspace)
    assert assembly(workspace).is_current()
    assert assembly(workspace).is_current()


@pytest.mark.parametrize(
    "change",
    [
        write("models/one/conf/conf.yaml"),
        write("models/one/conf/second.yaml"),
        write("models/one/scripts/new.py"),
        write("models/one/scripts/train.py", "trait"),
        write("models/one/.smpignore"),
        write("cdk.json"),
        write("requirements.lock"),
        write("package-lock.json"),
        write("app.py"),
        write("smp/engine.py"),
        write("smp/new.py"),
        write("stacks/stack.py"),
        write("constructs_lib/construct.py"),
        write("constructs_lib/script.sh"),
        lambda workspace: (workspace / "models/one/scripts/train.py").unlink(),
        lambda workspace: (workspace / "models/one/scripts/link.py").symlink_to("train.py"),
        lambda workspace: os.mkfifo(workspace / "models/one/scripts/pipe"),
        lambda workspace: (workspace / "models/one").rename(workspace / "models/renamed"),
        lambda workspace: shutil.copytree(workspace / "models/one", workspace / "models/two"),
    ],
    ids=[
        "a config",
        "a config more",
        "a script more",
        "a script",
        "an ignore file",
        "a settings key",
        "the Python lock file",
        "the npm lock file",
        "the app",
        "the engine",
        "the engine has a file more",
        "a stack",
        "a construct",
        "a script that instances run",
        "a script less",
        "a link",
        "a pipe, which nobody opens",
        "a model's directory",
        "a model more",
    ],
)
def test_a_change_of_a_file_is_noticed(workspace: Path, change: Callable[[Path], object]) -> None:
    synthesize(workspace)
    change(workspace)
    assert not assembly(workspace).is_current()


def test_a_file_of_the_same_size_and_time_is_noticed(workspace: Path) -> None:
    import os

    script = workspace / "models/one/scripts/train.py"
    synthesize(workspace)
    status = script.stat()
    script.write_text("trane")
    os.utime(script, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not assembly(workspace).is_current()


@pytest.mark.parametrize(
    "name",
    ["CDK_CLI_VERSION", "CDK_DEFAULT_REGION", "SMP_REGION", "SMP_ANYTHING", "TEAM", "NODE_OPTIONS"],
)
def test_a_variable_that_counts_is_noticed(workspace: Path, name: str) -> None:
    synthesize(workspace)
    assert not assembly(workspace, environ={**ENVIRON, name: "changed"}).is_current()


@pytest.mark.parametrize("name", ["HOME", "TERM", "SHLVL", "OTHER_TEAM"])
def test_a_variable_that_does_not_count_is_not(workspace: Path, name: str) -> None:
    synthesize(workspace)
    assert assembly(workspace, environ={**ENVIRON, name: "changed"}).is_current()


@pytest.mark.parametrize(
    "context",
    [{**CONTEXT, "environment": "production"}, {**CONTEXT, "flag": False}, {}],
)
def test_context_from_the_command_line_is_noticed(workspace: Path, context: dict[str, Any]) -> None:
    synthesize(workspace)
    assert not assembly(workspace, context=context).is_current()


def test_commands_of_the_cdk_share_an_assembly(workspace: Path) -> None:
    synthesize(workspace, context={**CONTEXT, "aws:cdk:bundling-stacks": ["**"]})
    other = {**CONTEXT, "aws:cdk:bundling-stacks": []}
    assert assembly(workspace, context=other).is_current()


def test_another_directory_has_its_own_assembly(workspace: Path) -> None:
    synthesize(workspace)
    elsewhere = {**ENVIRON, "CDK_OUTDIR": "elsewhere"}
    assert not assembly(workspace, environ=elsewhere).is_current()


def test_another_installation_is_noticed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = workspace / "packages"
    (packages / "aws_cdk_lib-2.275.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(packages)
    synthesize(workspace)
    (packages / "aws_cdk_lib-2.275.0.dist-info").rename(packages / "aws_cdk_lib-2.276.0.dist-info")
    assert not assembly(workspace).is_current()


@pytest.mark.parametrize(
    "tamper",
    [
        lambda out: (out / "manifest.json").write_text("{ }"),
        lambda out: (out / "manifest.json").unlink(),
        lambda out: (out / "Stack.template.json").write_text("{}"),
        lambda out: (out / "asset.1" / "train.py").unlink(),
        lambda out: (out / "large.zip").write_bytes(b"1" * (LARGE_BYTES + 1)),
        lambda out: shutil.rmtree(out),
        lambda out: (out / STAMP).unlink(),
        lambda out: (out / STAMP).write_text("{"),
        lambda out: (out / STAMP).write_text("[]"),
    ],
)
def test_a_tampered_assembly_is_noticed(workspace: Path, tamper: Callable[[Path], object]) -> None:
    synthesize(workspace)
    tamper(workspace / "cdk.out")
    assert not assembly(workspace).is_current()


def test_what_the_command_line_of_the_cdk_adds_and_removes_does_not_count(workspace: Path) -> None:
    made = assembly(workspace)
    with made.renewed():
        made.directory.mkdir()
        (made.directory / "manifest.json").write_text("{}")
        (made.directory / "performance-counters.json").write_text("{}")
        (made.directory / "synth.lock").write_text("1")
    (made.directory / "performance-counters.json").unlink()
    (made.directory / "synth.lock").unlink()
    (made.directory / ".cache").mkdir()
    assert assembly(workspace).is_current()


def test_a_synthesis_that_failed_does_not_count(workspace: Path) -> None:
    synthesize(workspace)

    def fail() -> None:
        with assembly(workspace).renewed():
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError):
        fail()
    assert not assembly(workspace).is_current()


def test_a_synthesis_with_findings_does_not_count(workspace: Path) -> None:
    made = assembly(workspace)
    with made.renewed():
        made.directory.mkdir()
        report = {"pluginReports": [{"pluginName": "checks", "conclusion": "failure"}]}
        (made.directory / "validation-report.json").write_text(json.dumps(report))
    assert not assembly(workspace).is_current()


def test_an_input_that_changes_meanwhile_does_not_count(workspace: Path) -> None:
    made = assembly(workspace)
    with made.renewed():
        made.directory.mkdir()
        (workspace / "models/one/scripts/train.py").write_text("edited while it ran")
    assert not assembly(workspace).is_current()


@pytest.mark.parametrize("name", DELIVERY_VARIABLES)
def test_a_delivery_build_always_makes_everything(workspace: Path, name: str) -> None:
    environ = {**ENVIRON, name: "1"}
    synthesize(workspace, environ=environ)
    assert not assembly(workspace, environ=environ).is_current()


def test_a_variable_turns_it_off(workspace: Path) -> None:
    environ = {**ENVIRON, "SMP_SYNTH_ALWAYS": "1"}
    synthesize(workspace, environ=environ)
    assert not assembly(workspace, environ=environ).is_current()


@pytest.mark.parametrize("pattern", [None, "nothing/*.yaml", "["])
def test_a_doubtful_pattern_is_a_change(workspace: Path, pattern: str | None) -> None:
    synthesize(workspace, pattern=pattern)
    assert not assembly(workspace, pattern=pattern).is_current()


def test_deciding_imports_nothing_large() -> None:
    program = (
        "import sys, app; "
        "print([name for name in ('aws_cdk', 'jsii', 'pydantic', 'yaml', 'boto3', 'sagemaker') "
        "if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"


@pytest.mark.slow
def test_importing_constructs_and_stacks_never_calls_the_cdk() -> None:
    """The template checks start in a thread while these are imported; the CDK knows no threads."""
    program = (
        "import aws_cdk, cdk_nag; from jsii._kernel.providers.process import _NodeProcess; "
        "_NodeProcess.send = lambda *_: exit('called'); "
        "import stacks.environment, stacks.delivery"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
