"""What a pipeline was compiled to is recalled until anything that counts has changed, and in no doubt."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import smp.compiler.cache.fingerprint as fingerprint
import smp.compiler.cache.recall as recall
from smp.compiler.cache.compile_all import inputs_of
from smp.compiler.cache.fingerprint import engine_files
from smp.compiler.cache.recall import CompileRequest, Prepared
from smp.compiler.cache.record import ReadFiles
from smp.compiler.cache.store import Kept, Store, compiled_in
from smp.config.load import load_project
from smp.definition.compiled import CompiledPipeline
from smp.graph import build_graph
from tests.compiler.cache.test_compile_all import CONF, write_model

PATTERN = "model_configs/*/conf/*.yaml"
ENVIRON = {"TEAM": "churn", "OTHER": "1"}
CONF_WITH_VARIABLE = CONF.replace("depth: 3", "depth: 3, team: '${env:TEAM}'")
OVERLAY = "  environments: {prod: {models: {one: {train: {hyperparameters: {depth: 9}}}}}}\n"

Change = Callable[[Path], object]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two models; the first is asked for."""
    root = tmp_path / "workspace"
    for name in ("one", "two"):
        write_model(root, name, CONF_WITH_VARIABLE)
    (root / "model_configs/one/scripts/nested").mkdir()
    (root / "cdk.json").write_text("{}")
    return root


def asked(
    workspace: Path, environment: str | None = None, pattern: str = PATTERN
) -> CompileRequest:
    return CompileRequest(workspace, pattern, environment, "one", (workspace / ".smp").resolve())


def prepare(asked: CompileRequest, meanwhile: Callable[[], object] = lambda: None) -> Prepared:
    """Load and compile, as a run does, but without the SDK: a pipeline of no steps and one tree."""
    recording = asked.record(ENVIRON)
    environ = recording.environ if recording else ENVIRON
    project = load_project(asked.workspace, asked.pattern, environ, asked.environment)
    meanwhile()
    graph = build_graph(project, asked.pipeline)
    store = Store(asked.work)
    inputs = inputs_of(graph, store.code)
    tree = store.code.add_files({"sm_train.sh": b"exit 0\n"}, "sdk drivers")
    definition = {"Steps": [], "Key": inputs.key}
    compiled = CompiledPipeline(graph.name, definition, (tree,), store.code.root)
    files = ReadFiles(()).record(asked.work)
    kept = Kept(compiled, inputs.key, inputs.hashes, (), files)
    store.write(compiled_in(asked.environment), kept)
    if recording is not None:
        asked.remember(recording, project, inputs.exact_key)
    return Prepared(compiled, {name: m.directory for name, m in project.models.items()})


def is_recalled(asked: CompileRequest, environ: Mapping[str, str] = ENVIRON) -> bool:
    return asked.recall(environ) is not None


def write(name: str, text: str = "changed\n") -> Change:
    return lambda workspace: (workspace / name).write_text(text)


def in_place_at_the_same_time(workspace: Path) -> None:
    script = workspace / "model_configs/one/scripts/train.py"
    status = script.stat()
    script.write_text(script.read_text().swapcase())
    os.utime(script, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_what_was_compiled_is_recalled_as_it_was(workspace: Path) -> None:
    assert not is_recalled(asked(workspace))
    prepared = prepare(asked(workspace))
    assert asked(workspace).recall(ENVIRON) == prepared


CHANGES: Mapping[str, Change] = {
    "a config": write("model_configs/one/conf/conf.yaml"),
    "a config of another pipeline": write("model_configs/two/conf/conf.yaml"),
    "a config more": write("model_configs/one/conf/second.yaml"),
    "a config less": lambda root: (root / "model_configs/two/conf/conf.yaml").unlink(),
    "a model more": lambda root: shutil.copytree(
        root / "model_configs/one", root / "model_configs/three"
    ),
    "a model's name": lambda root: (root / "model_configs/two").rename(root / "model_configs/duo"),
    "a script": write("model_configs/one/scripts/train.py"),
    "a script of the same size and time": in_place_at_the_same_time,
    "a script more": write("model_configs/one/scripts/nested/new.py"),
    "a script less": lambda root: (root / "model_configs/one/scripts/train.py").unlink(),
    "an ignore file": write("model_configs/one/scripts/.smpignore", "nested\n"),
    "a link": lambda root: (root / "model_configs/one/scripts/link.py").symlink_to("train.py"),
    "an empty directory": lambda root: (root / "model_configs/one/scripts/empty").mkdir(),
    "a pipe, which nobody opens": lambda root: os.mkfifo(root / "model_configs/one/scripts/pipe"),
    "a module of git": write("model_configs/one/.gitmodules"),
    "the settings": write("cdk.json", '{"context": {"smp": {"environments": {"prod": {}}}}}'),
    "the settings less": lambda root: (root / "cdk.json").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_a_file_is_noticed(workspace: Path, change: Change) -> None:
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))
    change(workspace)
    assert not is_recalled(asked(workspace))


@pytest.mark.parametrize("value", [None, "", "other"])
def test_a_variable_that_was_read_is_noticed(workspace: Path, value: str | None) -> None:
    prepare(asked(workspace))
    environ = {k: v for k, v in {**ENVIRON, "TEAM": value}.items() if v is not None}
    assert not is_recalled(asked(workspace), environ)
    assert is_recalled(asked(workspace), {**ENVIRON, "OTHER": "2", "MORE": "3"})


def test_a_variables_value_is_not_written_down(workspace: Path) -> None:
    prepare(asked(workspace))
    (kept,) = (workspace / ".smp" / recall.RECALLED_DIRECTORY).rglob("*.json")
    assert "TEAM" in kept.read_text()
    assert "churn" not in kept.read_text()


def test_each_environment_has_its_own(workspace: Path) -> None:
    conf = workspace / "model_configs/one/conf/conf.yaml"
    conf.write_text(conf.read_text() + OVERLAY)
    usual = prepare(asked(workspace))
    assert not is_recalled(asked(workspace, "prod"))
    prod = prepare(asked(workspace, "prod"))
    assert usual != prod
    assert asked(workspace).recall(ENVIRON) == usual
    assert asked(workspace, "prod").recall(ENVIRON) == prod


def test_a_change_of_an_overlay_is_noticed(workspace: Path) -> None:
    conf = workspace / "model_configs/one/conf/conf.yaml"
    conf.write_text(conf.read_text() + OVERLAY)
    prepare(asked(workspace, "prod"))
    conf.write_text(conf.read_text().replace("depth: 9", "depth: 8"))
    assert not is_recalled(asked(workspace, "prod"))


def test_another_pattern_is_asked_for_anew(workspace: Path) -> None:
    prepare(asked(workspace))
    assert not is_recalled(asked(workspace, pattern="model_configs/one/conf/*.yaml"))


@pytest.mark.parametrize("pattern", ["nothing/*.yaml", "[", "model_configs/**"])
def test_a_doubtful_pattern_is_a_change(workspace: Path, pattern: str) -> None:
    prepare(asked(workspace))
    assert not is_recalled(asked(workspace, pattern=pattern))


def test_a_linked_model_that_leads_elsewhere_is_noticed(workspace: Path) -> None:
    elsewhere = workspace.parent / "elsewhere"
    shutil.move(workspace / "model_configs/one", elsewhere)
    (workspace / "model_configs/one").symlink_to(elsewhere)
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))
    shutil.copytree(elsewhere, workspace.parent / "copy")
    (workspace / "model_configs/one").unlink()
    (workspace / "model_configs/one").symlink_to(workspace.parent / "copy")
    assert not is_recalled(asked(workspace))


def test_a_change_behind_a_link_is_noticed(workspace: Path) -> None:
    elsewhere = workspace.parent / "elsewhere"
    shutil.move(workspace / "model_configs/one", elsewhere)
    (workspace / "model_configs/one").symlink_to(elsewhere)
    prepare(asked(workspace))
    (elsewhere / "scripts/train.py").write_text("changed")
    assert not is_recalled(asked(workspace))


def test_a_source_directory_behind_a_link_of_the_workspace_is_noticed(workspace: Path) -> None:
    """The link is outside of the model's directory."""
    conf = workspace / "model_configs/one/conf/conf.yaml"
    conf.write_text(conf.read_text().replace("directory: scripts", "directory: linked/scripts"))
    (workspace / "linked").symlink_to("model_configs/one")
    shutil.copytree(
        workspace / "model_configs/one/scripts", workspace / "model_configs/one/b/scripts"
    )
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))
    (workspace / "linked").unlink()
    (workspace / "linked").symlink_to("model_configs/one/b")
    assert not is_recalled(asked(workspace))


def test_a_source_directory_behind_a_link_of_the_model_is_recalled(workspace: Path) -> None:
    conf = workspace / "model_configs/one/conf/conf.yaml"
    conf.write_text(conf.read_text().replace("directory: scripts", "directory: link/nested"))
    (workspace / "model_configs/one/scripts/nested/train.py").write_text("1")
    (workspace / "model_configs/one/link").symlink_to("scripts")
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))
    (workspace / "model_configs/one/scripts/nested/train.py").write_text("2")
    assert not is_recalled(asked(workspace))


@pytest.mark.parametrize("name", ["node_modules/lib", "__pycache__/s", ".venv/x/y"])
@pytest.mark.parametrize(
    "change",
    [
        lambda directory: (directory / "train.py").write_text("changed\n"),
        lambda directory: (directory / "new.py").write_text(""),
        lambda directory: (directory / "train.py").chmod(0o755),
    ],
    ids=["content", "a file more", "mode"],
)
def test_a_source_directory_below_a_skipped_name_is_noticed(
    workspace: Path, name: str, change: Change
) -> None:
    directory = workspace / "model_configs/one" / name
    shutil.move(workspace / "model_configs/one/scripts", directory)
    conf = workspace / "model_configs/one/conf/conf.yaml"
    conf.write_text(conf.read_text().replace("directory: scripts", f"directory: {name}"))
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))
    change(directory)
    assert not is_recalled(asked(workspace))


def test_a_source_directory_that_hides_one_is_noticed(workspace: Path) -> None:
    """One in the model's directory is taken before one in the workspace, and no look sees this one."""
    name = "model_configs/one/scripts"
    conf = workspace / "model_configs/one/conf/conf.yaml"
    written = f"directory: node_modules/../{name}"
    (workspace / "node_modules").mkdir()
    conf.write_text(conf.read_text().replace("directory: scripts", written))
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))
    hiding = workspace / "model_configs/one/node_modules"
    hiding.mkdir()
    shutil.copytree(workspace / name, workspace / "model_configs/one" / name)
    assert not is_recalled(asked(workspace))


@pytest.mark.parametrize("written", ["${env:TEAM}", "${\\x65nv:TEAM}", "${\\u0065nv:TE\\x41M}"])
def test_a_variable_that_is_written_with_escapes_is_noticed(workspace: Path, written: str) -> None:
    conf = workspace / "model_configs/one/conf/conf.yaml"
    conf.write_text(conf.read_text().replace("'${env:TEAM}'", f'"{written}"'))
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))
    assert not is_recalled(asked(workspace), {**ENVIRON, "TEAM": "other"})


def test_an_edit_that_is_made_and_undone_meanwhile_is_not_remembered(workspace: Path) -> None:
    script = workspace / "model_configs/one/scripts/train.py"
    text = script.read_text()

    def edit_and_undo() -> None:
        status = script.stat()
        script.write_text("edited")
        script.write_text(text)
        os.utime(script, ns=(status.st_atime_ns, status.st_mtime_ns))

    prepare(asked(workspace), edit_and_undo)
    assert not is_recalled(asked(workspace))
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))


def test_a_source_directory_that_is_named_from_the_workspace_is_recalled(workspace: Path) -> None:
    conf = workspace / "model_configs/one/conf/conf.yaml"
    written = "directory: model_configs/one/scripts"
    conf.write_text(conf.read_text().replace("directory: scripts", written))
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))
    (workspace / "model_configs/one/model_configs/one/scripts").mkdir(parents=True)
    assert not is_recalled(asked(workspace)), "it is looked up in the model's directory first"


def test_another_installation_is_noticed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = workspace.parent / "packages"
    (packages / "botocore-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(packages)
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))
    (packages / "botocore-1.0.dist-info").rename(packages / "botocore-1.1.dist-info")
    assert not is_recalled(asked(workspace))


def test_a_change_of_the_engine_is_noticed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "smp"
    for name in ("compiler/render.py", "errors.py", "local/run.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("1")
    monkeypatch.setattr(fingerprint, "PACKAGE", package)
    assert [file.name for file in engine_files()] == ["render.py", "errors.py"]
    prepare(asked(workspace))
    (package / "local/run.py").write_text("what runs a pipeline has no part in compiling it")
    assert is_recalled(asked(workspace))
    (package / "compiler/render.py").write_text("2")
    assert not is_recalled(asked(workspace))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"record": 1}', "\udcff"])
def test_a_file_that_cannot_be_read_recalls_nothing(workspace: Path, text: str) -> None:
    prepare(asked(workspace))
    (kept,) = (workspace / ".smp" / recall.RECALLED_DIRECTORY).rglob("*.json")
    kept.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert not is_recalled(asked(workspace))
    prepare(asked(workspace))
    assert is_recalled(asked(workspace))


@pytest.mark.parametrize("member", ["record", "key", "models"])
@pytest.mark.parametrize("value", [None, 1, [1], {"x": 1}])
def test_a_file_of_another_form_recalls_nothing(
    workspace: Path, member: str, value: object
) -> None:
    prepare(asked(workspace))
    (kept,) = (workspace / ".smp" / recall.RECALLED_DIRECTORY).rglob("*.json")
    kept.write_text(json.dumps({**json.loads(kept.read_text()), member: value}))
    assert not is_recalled(asked(workspace))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda work: (work / "compiled/one.json").unlink(),
        lambda work: (work / "compiled/one.json").write_text("{"),
        lambda work: shutil.rmtree(work / "code"),
    ],
    ids=["the compiled pipeline", "a half of it", "its code"],
)
def test_nothing_is_recalled_where_a_part_of_it_is_gone(workspace: Path, spoil: Change) -> None:
    prepare(asked(workspace))
    spoil(workspace / ".smp")
    assert not is_recalled(asked(workspace))


def test_what_changes_while_it_is_compiled_is_not_remembered(workspace: Path) -> None:
    script = workspace / "model_configs/one/scripts/train.py"
    prepare(asked(workspace), meanwhile=lambda: script.write_text("edited meanwhile"))
    assert not is_recalled(asked(workspace))


def test_a_workspace_of_very_many_files_is_loaded_each_time(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "MAX_FILES", 5)
    prepare(asked(workspace))
    assert not is_recalled(asked(workspace))


def test_a_pipelines_name_leads_nowhere_else(workspace: Path) -> None:
    prepare(asked(workspace))
    odd = CompileRequest(workspace, PATTERN, None, "../one", (workspace / ".smp").resolve())
    assert not is_recalled(odd)


def test_recalling_imports_nothing_large() -> None:
    program = (
        "import sys, smp.compiler.cache.recall; print([name for name in "
        "('pydantic', 'yaml', 'boto3', 'botocore', 'sagemaker') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert printed.stdout.strip() == b"[]"
