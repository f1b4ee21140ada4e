"""Nothing changed, nothing runs; and everything that counts is noticed."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.cache.compile_all import inputs_of
from smp.compiler.cache.fingerprint import LARGE_BYTES, Look, Sources, is_older
from smp.config.load import load_project
from smp.config.read.files import DEFAULT_PATTERN
from smp.definition.code.store import CodeStore
from smp.graph import build_graphs
from stacks.fingerprint import DELIVERY_VARIABLES, STAMP, Assembly
from tests.compiler.cache.test_compile_all import CONF, write_model

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


def nothing(_: Mapping[str, str]) -> None:
    """What happens while most of the assemblies here are made."""


def synthesize(
    workspace: Path, meanwhile: Callable[[Mapping[str, str]], object] = nothing, **arguments: Any
) -> None:
    """Stand in for a synthesis: what it leaves behind. `meanwhile` is called with its variables."""
    made = assembly(workspace, **arguments)
    with made.renewed() as environ:
        meanwhile(environ)
        out = made.directory
        (out / "asset.1").mkdir(parents=True, exist_ok=True)
        (out / "asset.1" / "train.py").write_text("train")
        (out / "asset.1" / "poetry.lock").write_text("locked")
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
    ["CDK_CLI_VERSION", "CDK_DEFAULT_REGION", "SMP_REGION", "SMP_ANYTHING", "NODE_OPTIONS"],
)
def test_a_variable_that_counts_is_noticed(workspace: Path, name: str) -> None:
    synthesize(workspace)
    assert not assembly(workspace, environ={**ENVIRON, name: "changed"}).is_current()


@pytest.mark.parametrize("name", ["HOME", "TERM", "SHLVL", "OTHER_TEAM"])
def test_a_variable_that_does_not_count_is_not(workspace: Path, name: str) -> None:
    synthesize(workspace)
    assert assembly(workspace, environ={**ENVIRON, name: "changed"}).is_current()


READS: Mapping[str, Callable[[Mapping[str, str]], object]] = {
    "get": lambda environ: environ.get("TEAM"),
    "in": lambda environ: "TEAM" in environ,
    "all of them": lambda environ: dict(environ),
    "all names": lambda environ: list(environ),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
@pytest.mark.parametrize("value", [None, "", "ours"])
def test_a_variable_that_was_read_is_noticed(
    workspace: Path, read: Callable[[Mapping[str, str]], object], value: str | None
) -> None:
    environ = ENVIRON if value is None else {**ENVIRON, "TEAM": value}
    synthesize(workspace, read, environ=environ)
    assert assembly(workspace, environ=environ).is_current()
    changed = {**ENVIRON, "TEAM": "theirs"}
    assert not assembly(workspace, environ=changed).is_current()
    assert value is None or not assembly(workspace).is_current()


@pytest.mark.parametrize("written", ["${env:TEAM}", "${\\x65nv:TEAM}", "${\\u0065nv:TE\\x41M}"])
def test_a_variable_of_a_configuration_is_noticed_however_it_is_written(
    tmp_path: Path, written: str
) -> None:
    environ = {**ENVIRON, "TEAM": "ours"}
    conf = CONF.replace("depth: 3", f'depth: "{written}"')
    write_model(tmp_path, "one", conf)
    synthesize(tmp_path, lambda read: load_project(tmp_path, environ=read), **loaded(environ))
    assert assembly(tmp_path, **loaded(environ)).is_current()
    assert not assembly(tmp_path, **loaded({**environ, "TEAM": "theirs"})).is_current()


def loaded(environ: Mapping[str, str] = ENVIRON) -> dict[str, Any]:
    return {"environ": environ, "pattern": DEFAULT_PATTERN}


@pytest.mark.parametrize("name", ["node_modules/lib", "__pycache__/s", ".venv/x", ".git/x"])
def test_a_source_directory_below_a_skipped_name_is_noticed(tmp_path: Path, name: str) -> None:
    write_model(tmp_path, "one", CONF.replace("directory: scripts", f"directory: {name}"))
    source = tmp_path / "model_configs/one" / name
    shutil.move(tmp_path / "model_configs/one/scripts", source)

    def pack(environ: Mapping[str, str]) -> None:
        (graph,) = build_graphs(load_project(tmp_path, environ=environ))
        inputs_of(graph, CodeStore(tmp_path / ".smp/code"))

    changes: list[Callable[[], object]] = [
        lambda: (source / "train.py").write_text("changed"),
        lambda: (source / "new.py").write_text("new"),
        lambda: (source / "new.py").unlink(),
    ]
    for change in changes:
        time.sleep(0.05)
        synthesize(tmp_path, pack, **loaded())
        assert assembly(tmp_path, **loaded()).is_current()
        change()
        assert not assembly(tmp_path, **loaded()).is_current()


def test_a_file_that_no_look_sees_counts_if_it_was_read(workspace: Path) -> None:
    notes = workspace / "docs/notes.md"
    notes.parent.mkdir()
    notes.write_text("one")
    synthesize(workspace, lambda _: notes.read_text())
    assert assembly(workspace).is_current()
    notes.write_text("two")
    assert not assembly(workspace).is_current()
    synthesize(workspace, lambda _: (workspace / "docs/absent.md").is_file())
    synthesize(workspace, lambda _: open_absent(workspace / "docs/absent.md"))
    (workspace / "docs/absent.md").write_text("")
    assert not assembly(workspace).is_current()


def open_absent(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        path.read_text()


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


def write_below(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("")


def link_instead_of_file(out: Path) -> None:
    shutil.move(out / "asset.1/train.py", out / "other")
    (out / "asset.1/train.py").symlink_to(out / "other")


def directory_instead_of_file(out: Path) -> None:
    (out / "asset.1/train.py").unlink()
    (out / "asset.1/train.py").mkdir()


INSTALLED: Mapping[str, Callable[[Path], object]] = {
    "a record of files": lambda packages: (packages / "a-1.dist-info/RECORD").write_text("a.py,,2"),
    "a module that is installed": lambda packages: (packages / "yaml.py").write_text(""),
    "a package that is installed": lambda packages: (packages / "yaml").mkdir(),
    "a path file": lambda packages: (packages / "editable.pth").write_text("/elsewhere"),
    "a path file more": lambda packages: (packages / "more.pth").write_text("import sys"),
}


@pytest.mark.parametrize("change", INSTALLED.values(), ids=INSTALLED.keys())
def test_an_installation_of_the_same_version_is_noticed(
    workspace: Path, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = workspace / "packages"
    (packages / "a-1.dist-info").mkdir(parents=True)
    (packages / "a-1.dist-info/RECORD").write_text("a.py,,1")
    (packages / "editable.pth").write_text("/here")
    monkeypatch.syspath_prepend(packages)
    synthesize(workspace)
    assert assembly(workspace).is_current()
    change(packages)
    assert not assembly(workspace).is_current()


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_package_that_is_patched_in_place_is_noticed(
    workspace: Path, keep_time: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = workspace / "packages/patched_in_place.py"
    module.parent.mkdir()
    module.write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(module.parent)
    monkeypatch.delitem(sys.modules, module.stem, raising=False)
    time.sleep(0.05)
    synthesize(workspace, lambda _: importlib.import_module("patched_in_place"))
    assert assembly(workspace).is_current()
    status = module.stat()
    module.write_text("VALUE = 2\n")
    if keep_time:
        os.utime(module, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not assembly(workspace).is_current()


def test_a_package_that_changes_meanwhile_does_not_count(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = workspace / "packages/changed_meanwhile.py"
    module.parent.mkdir()
    module.write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(module.parent)

    def load_and_change(_: Mapping[str, str]) -> None:
        importlib.import_module("changed_meanwhile")
        module.write_text("VALUE = 2\n")

    synthesize(workspace, load_and_change)
    assert not assembly(workspace).is_current()


@pytest.mark.parametrize(
    ("name", "is_noticed"),
    [
        ("aws-cdk-lib/2.1/hash/index.js", True),
        ("aws-cdk-lib/2.1/hash/more.js", True),
        ("aws-cdk-lib/2.1/hash/index.d.ts", False),
        ("aws-cdk-lib/2.1/hash/.jsii-runtime-package-cache", False),
        ("aws-cdk-lib/2.1/hash/.jsii.runtime-index.v1", False),
    ],
)
def test_a_library_that_is_patched_where_node_reads_it_is_noticed(
    workspace: Path, name: str, is_noticed: bool
) -> None:
    cache = workspace / ".cache/jsii"
    environ = {**ENVIRON, "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(cache)}

    def unpack(_: Mapping[str, str]) -> None:
        (cache / "aws-cdk-lib/2.1/hash").mkdir(parents=True)
        (cache / "aws-cdk-lib/2.1/hash/index.js").write_text("1")

    synthesize(workspace, unpack, environ=environ)
    assert assembly(workspace, environ=environ).is_current()
    (cache / name).write_text("2")
    assert assembly(workspace, environ=environ).is_current() is not is_noticed


def test_an_assembly_beside_the_app_is_no_package(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(workspace)
    synthesize(workspace)
    other = workspace / "again"
    other.mkdir()
    assert not assembly(workspace).is_current(), "a directory may be a package"
    (other / "cdk.out").write_text('{"version":"55.0.0"}')
    assert assembly(workspace).is_current()
    (other / "__init__.py").touch()
    assert not assembly(workspace).is_current()


def test_another_node_is_noticed(workspace: Path) -> None:
    node = workspace / "bin/node"
    node.parent.mkdir()
    node.write_text("1")
    node.chmod(0o755)
    for environ in ({**ENVIRON, "JSII_NODE": str(node)}, {**ENVIRON, "PATH": str(node.parent)}):
        synthesize(workspace, environ=environ)
        assert assembly(workspace, environ=environ).is_current()
        node.write_text("2")
        assert not assembly(workspace, environ=environ).is_current()


@pytest.mark.parametrize(
    "tamper",
    [
        lambda out: (out / "asset.1/new.py").write_text("more"),
        lambda out: (out / "asset.1/uv.lock").write_text("more"),
        lambda out: (out / "asset.1/error.txt").write_text("more"),
        lambda out: (out / "asset.1/.hidden").write_text("more"),
        lambda out: write_below(out / "asset.1/.cache/x"),
        lambda out: write_below(out / "asset.1/node_modules/x"),
        lambda out: (out / "asset.1/link").symlink_to("train.py"),
        lambda out: (out / "asset.1/poetry.lock").write_text("other"),
        lambda out: (out / "asset.1/poetry.lock").unlink(),
        lambda out: (out / "asset.1/poetry.lock").rename(out / "asset.1/uv.lock"),
        lambda out: (out / "asset.1/train.py").chmod(0o755),
        link_instead_of_file,
        directory_instead_of_file,
        lambda out: (out / "More.template.json").write_text("{}"),
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


def _link(asset: Path) -> None:
    shutil.rmtree(asset)
    asset.symlink_to(asset.parent.parent / "models")


ASSET_STORIES: dict[str, Callable[[Path], object]] = {
    "a file more": lambda asset: (asset / "new.py").write_text("more"),
    "a file less": lambda asset: (asset / "poetry.lock").unlink(),
    "other content": lambda asset: (asset / "train.py").write_text("trait"),
    "another mode": lambda asset: (asset / "train.py").chmod(0o755),
    "a link in its place": _link,
}


@pytest.mark.parametrize("story", ASSET_STORIES)
def test_an_asset_that_is_not_as_it_was_is_made_anew(workspace: Path, story: str) -> None:
    """The CDK copies no asset that is there."""
    synthesize(workspace)
    out = workspace / "cdk.out"
    (out / "asset.2.zip").write_bytes(b"of an earlier version")
    ASSET_STORIES[story](out / "asset.1")

    def look(_: Mapping[str, str]) -> None:
        assert not os.path.lexists(out / "asset.1")
        assert not (out / "asset.2.zip").exists(), "nothing stamped it"

    synthesize(workspace, look)
    assert assembly(workspace).is_current()
    assert (workspace / "models/one/scripts/train.py").read_text() == "train"


def test_assets_of_the_last_assembly_are_not_copied_again(workspace: Path) -> None:
    synthesize(workspace)
    kept = (workspace / "cdk.out/asset.1").stat().st_ino
    write("models/one/scripts/train.py")(workspace)

    def look(_: Mapping[str, str]) -> None:
        assert (workspace / "cdk.out/asset.1").stat().st_ino == kept

    synthesize(workspace, look)


@pytest.mark.parametrize("ending", ["failed", "killed", "asked for all"])
def test_assets_that_no_stamp_has_are_made_anew(workspace: Path, ending: str) -> None:
    half = workspace / "cdk.out/asset.half/train.py"
    environ = {**ENVIRON, "SMP_SYNTH_ALWAYS": "1"} if ending == "asked for all" else ENVIRON

    def begin(_: Mapping[str, str]) -> None:
        half.parent.mkdir(parents=True)
        half.write_text("tra")
        if ending == "failed":
            raise RuntimeError("no space left on device")

    synthesize(workspace)
    if ending == "failed":
        with pytest.raises(RuntimeError, match="no space"), assembly(workspace).renewed() as read:
            begin(read)
    elif ending == "killed":
        (workspace / "cdk.out" / STAMP).unlink()
        begin({})
    else:
        begin({})

    def look(_: Mapping[str, str]) -> None:
        assert not half.parent.exists()

    synthesize(workspace, look, environ=environ)


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
    script = workspace / "models/one/scripts/train.py"
    synthesize(workspace, lambda _: script.write_text("edited while it ran"))
    assert not assembly(workspace).is_current()


INPUTS = (
    "models/one/conf/conf.yaml",
    "models/one/scripts/train.py",
    "models/one/.smpignore",
    "models/one/scripts/large.csv",
    "cdk.json",
    "app.py",
    "smp/engine.py",
    "constructs_lib/construct.py",
)


def in_place(path: Path) -> None:
    kept = path.read_bytes()
    path.write_bytes(kept.swapcase())
    path.write_bytes(kept)


def with_its_time(path: Path) -> None:
    status = path.stat()
    in_place(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def by_another_file(path: Path) -> None:
    aside = path.with_name("aside")
    path.rename(aside)
    path.write_text("another")
    path.unlink()
    aside.rename(path)


def by_a_copy(path: Path) -> None:
    copied = path.with_name("copy")
    shutil.copy2(path, copied)
    path.write_text("another")
    copied.replace(path)


def by_its_mode(path: Path) -> None:
    mode = path.stat().st_mode
    path.chmod(0o755)
    path.chmod(mode)


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("edit", [in_place, with_its_time, by_another_file, by_a_copy, by_its_mode])
def test_an_edit_that_is_made_and_undone_meanwhile_does_not_count(
    workspace: Path, name: str, edit: Callable[[Path], None]
) -> None:
    (workspace / "models/one/scripts/large.csv").write_bytes(b"a" * (LARGE_BYTES + 1))
    time.sleep(0.05)
    synthesize(workspace, lambda _: edit(workspace / name))
    assert not assembly(workspace).is_current()
    synthesize(workspace)
    assert assembly(workspace).is_current()


def test_a_file_that_was_there_for_a_while_does_not_count(workspace: Path) -> None:
    script = workspace / "models/one/scripts/new.py"

    def write_and_remove(_: Mapping[str, str]) -> None:
        script.write_text("new")
        script.unlink()

    synthesize(workspace, write_and_remove)
    assert not assembly(workspace).is_current()


def test_a_module_that_was_there_for_a_while_does_not_count(workspace: Path) -> None:
    module = workspace / "smp/json.py"

    def import_and_remove(_: Mapping[str, str]) -> None:
        module.write_text("")
        module.read_text()
        module.unlink()

    synthesize(workspace, import_and_remove)
    assert not assembly(workspace).is_current()


def test_directories_of_results_are_no_change(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(workspace)
    synthesize(workspace)
    for name in (".cache", "__pycache__", "build.log", ".editor"):
        (workspace / name).mkdir()
    assert assembly(workspace).is_current()


def test_bytecode_that_python_writes_is_no_change(workspace: Path) -> None:
    def compile_modules(_: Mapping[str, str]) -> None:
        (workspace / "smp/__pycache__").mkdir()
        (workspace / "smp/__pycache__/engine.pyc").write_text("")

    synthesize(workspace, compile_modules)
    assert assembly(workspace).is_current()


def test_a_checkout_of_the_same_content_is_no_change(workspace: Path) -> None:
    synthesize(workspace)
    for name in INPUTS:
        path = workspace / name
        if path.exists():
            in_place(path)
    assert assembly(workspace).is_current()


def test_a_directory_that_cannot_be_read_is_in_doubt(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "scandir", refuse)
    synthesize(workspace)
    monkeypatch.undo()
    assert not assembly(workspace).is_current()


def test_an_assembly_of_another_place_is_not_taken(workspace: Path) -> None:
    first, second = workspace / "first", workspace / "second"
    for place in (first, second):
        shutil.copytree(workspace / "models", place / "models")
    synthesize(first)
    shutil.copytree(first / "cdk.out", second / "cdk.out")
    shutil.copytree(first / ".smp", second / ".smp")
    assert assembly(first).is_current()
    assert not assembly(second).is_current()


def test_two_syntheses_of_one_directory_wait_for_each_other(workspace: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with assembly(workspace).locked():
            order.append("second")

    other = threading.Thread(target=second)
    with assembly(workspace).locked():
        other.start()
        time.sleep(0.2)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_a_synthesis_that_was_killed_does_not_count(workspace: Path) -> None:
    synthesize(workspace)
    program = (
        "import os, signal; from pathlib import Path; "
        "from tests.stacks.test_fingerprint import assembly; "
        f"made = assembly(Path({str(workspace)!r})); lock = made.locked(); lock.__enter__(); "
        "made.renewed().__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == -9
    with assembly(workspace).locked():
        assert not assembly(workspace).is_current()


@pytest.mark.parametrize(
    ("changed", "now", "is_old"),
    [
        (1_000_000_001, 1_000_000_001, False),
        (1_000_000_001, 1_020_000_001, False),
        (1_000_000_001, 1_020_000_002, True),
        (1_000_000_001, 900_000_000, False),
        (1_000_000_000, 2_000_000_000, False),
        (1_000_000_000, 3_000_000_000, False),
        (1_000_000_000, 3_000_000_001, True),
    ],
)
def test_a_time_is_old_if_no_later_change_can_have_it(changed: int, now: int, is_old: bool) -> None:
    """File systems without fractions of a second tell two seconds apart at most."""
    assert is_older(changed, now) is is_old


def test_files_of_a_coarse_clock_that_changed_just_now_are_in_doubt(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Sources.look

    def coarse(sources: Sources, most: int | None = None) -> Look:
        look = usual(sources, most)
        return replace(look, newest=look.newest // 10**9 * 10**9)

    monkeypatch.setattr(Sources, "look", coarse)
    synthesize(workspace)
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
