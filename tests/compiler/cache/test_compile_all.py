"""Compiling many pipelines in the background, and only what changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import smp.compiler.cache.compile_all as compile_all_module
import smp.compiler.cache.fingerprint as fingerprint
import smp.compiler.cache.worker_process as worker_process
from smp.compiler.cache.compile_all import Compilation, compile_all, inputs_of
from smp.compiler.compile import compile_pipeline
from smp.config.load import load_project
from smp.definition.code.store import CodeStore
from smp.errors import CompileError, ScriptError, SetupError
from smp.graph import PipelineGraph, build_graphs
from tests.compiler.compiling import ROOT
from tests.graph.workspace import IMAGE, write

CONF = """\
conf:
  models:
    NAME:
      source_directory: scripts
      train: {image_uri: IMAGE, entry_point: train.py, hyperparameters: {depth: 3}}
  sagemakerPipeline:
    pipelineName: NAME
    models:
      NAME:
        steps:
          - {step_name: fit, step_class: Training}
"""


def write_model(workspace: Path, name: str, conf: str = CONF) -> None:
    text = conf.replace("NAME", name).replace("IMAGE", IMAGE)
    write(workspace / "model_configs" / name / "conf/conf.yaml", text)
    write(workspace / "model_configs" / name / "scripts/train.py", f"print('{name}')\n")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        write_model(tmp_path, name)
    return tmp_path


def graphs_of(workspace: Path) -> tuple[PipelineGraph, ...]:
    return build_graphs(load_project(workspace))


def compiled_again(workspace: Path) -> tuple[str, ...]:
    """Compile all and return the names of those that were not kept."""
    compilation = compile_all(graphs_of(workspace), workspace / ".smp")
    compilation.result()
    return compilation.compiling


@pytest.fixture
def compiled(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace with all of it compiled, by a worker that does without the SDK."""
    worker = (sys.executable, str(Path(__file__).with_name("quick_worker.py")))
    monkeypatch.setattr(worker_process, "COMMAND", worker)
    assert compiled_again(workspace) == ("one", "two")
    return workspace


def test_the_result_is_what_compiling_gives_in_the_order_asked_for(workspace: Path) -> None:
    graphs = graphs_of(workspace)[::-1]
    found = compile_all(graphs, workspace / ".smp").result()
    assert [one.name for one in found] == ["two", "one"]
    assert found == tuple(compile_pipeline(graph, workspace / ".smp/code") for graph in graphs)


def test_where_nothing_changed_nothing_is_compiled(
    compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    compilation = compile_all(graphs_of(compiled), compiled / ".smp")
    assert compilation.compiling == ()
    assert [one.name for one in compilation.result()] == ["one", "two"]
    assert compilation.result() == compilation.result()


@pytest.mark.slow
def test_the_sdk_is_never_imported_by_the_caller(workspace: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from smp.compiler.cache.compile_all import compile_all; "
        "from smp.config.load import load_project; from smp.graph import build_graphs; "
        f"root = Path({str(workspace)!r}); "
        "compile_all(build_graphs(load_project(root)), root / '.smp').result(); "
        "print([name for name in sys.modules if name.split('.')[0] in ('sagemaker', 'boto3')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        ("one/conf/conf.yaml", "depth: 3", "depth: 4"),
        ("one/conf/conf.yaml", "conf:\n", "conf:\n  projectName: sales\n"),
        ("one/conf/conf.yaml", "conf:\n", "conf:\n  s3Bucket: sales\n"),
        (
            "one/conf/conf.yaml",
            "conf:\n",
            "conf:\n  sagemakerNetworkSecurity: {internet_egress: true}\n",
        ),
        (
            "one/conf/conf.yaml",
            "    pipelineName: one\n",
            "    pipelineName: one\n    description: x\n",
        ),
    ],
)
@pytest.mark.slow
def test_only_the_pipeline_that_changed_is_compiled(
    place: str, old: str, new: str, compiled: Path
) -> None:
    path = compiled / "model_configs" / place
    path.write_text(path.read_text().replace(old, new, 1))
    assert compiled_again(compiled) == ("one",)
    assert compiled_again(compiled) == ()


def test_an_edited_script_needs_no_compilation(compiled: Path) -> None:
    script = write(compiled / "model_configs/one/scripts/train.py", "print('uno')\n")
    compilation = compile_all(graphs_of(compiled), compiled / ".smp")
    assert compilation.compiling == ()
    compilation.result()
    (one, _) = (inputs_of(g, CodeStore(compiled / "store")) for g in graphs_of(compiled))
    assert compilation.keys["one"] == one.exact_key
    script.write_text("print('one')\n")
    assert compile_all(graphs_of(compiled), compiled / ".smp").keys["one"] != one.exact_key


def test_what_compiling_gives_has_the_scripts_as_they_were_packed_for_its_key(
    workspace: Path,
) -> None:
    """An edit that is made and undone while the SDK is imported has no part in what is kept."""
    script = workspace / "model_configs/one/scripts/train.py"
    before = script.read_text()
    graphs = graphs_of(workspace)
    compilation = compile_all(graphs, workspace / ".smp")
    script.write_text("print('edited while it compiles')\n")
    (one, _) = compilation.result()
    script.write_text(before)
    expected = inputs_of(graphs[0], CodeStore(workspace / "store")).hashes
    assert expected[0] in {tree.sha256 for tree in one.code}
    assert compiled_again(workspace) == ()
    assert compile_all(graphs, workspace / ".smp").result()[0] == one


@pytest.mark.parametrize("change", ["content", "times", "gone"])
def test_a_file_of_the_sdk_that_is_patched_in_place_is_noticed(
    change: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched = write(workspace / "site-packages/sagemaker/workflow.py", "1\n")
    worker = (sys.executable, str(Path(__file__).with_name("quick_worker.py")))
    monkeypatch.setattr(worker_process, "COMMAND", worker)
    monkeypatch.setenv("READ", str(patched))
    time.sleep(0.05)
    assert compiled_again(workspace) == ("one", "two")
    assert compiled_again(workspace) == ()
    if change == "gone":
        patched.unlink()
    else:
        status = patched.stat()
        patched.write_text("2\n" if change == "content" else "1\n")
        os.utime(patched, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert compiled_again(workspace) == ("one", "two")


def test_a_file_of_the_sdk_that_changes_meanwhile_is_noticed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched = write(workspace / "site-packages/sagemaker/workflow.py", "1\n")
    worker = (sys.executable, str(Path(__file__).with_name("quick_worker.py")))
    monkeypatch.setattr(worker_process, "COMMAND", worker)
    monkeypatch.setenv("READ", str(patched))
    monkeypatch.setenv("EDIT", str(patched))
    assert compiled_again(workspace) == ("one", "two")
    assert compiled_again(workspace) == ("one", "two")


def test_an_engine_that_changes_meanwhile_is_noticed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compilation = compile_all(graphs_of(workspace), workspace / ".smp")
    monkeypatch.setattr(fingerprint, "engine_lines", lambda: ["edited and undone"])
    compilation.result()
    assert compiled_again(workspace) == ("one", "two")


@pytest.mark.parametrize("text", ["exit 1\n", "exit 0\n\n", ""])
def test_code_that_was_changed_in_the_store_is_packed_again(text: str, compiled: Path) -> None:
    drivers = next((compiled / ".smp/code").glob("*/sm_train.sh"))
    drivers.write_text(text)
    assert compiled_again(compiled) == ("one", "two")
    assert drivers.read_text() == "exit 0\n"


def test_a_file_that_was_added_to_the_store_goes(compiled: Path) -> None:
    drivers = next((compiled / ".smp/code").glob("*/sm_train.sh"))
    added = write(drivers.with_name("added.sh"), "")
    assert compiled_again(compiled) == ("one", "two")
    assert not added.exists()


def test_a_script_that_was_changed_in_the_store_is_packed_again(compiled: Path) -> None:
    (packed,) = (
        path for path in (compiled / ".smp/code").glob("*/train.py") if "one" in path.read_text()
    )
    packed.write_text("print('two')\n")
    assert compiled_again(compiled) == ()
    assert packed.read_text() == "print('one')\n"


@pytest.mark.parametrize(
    ("member", "value"),
    [("compiled", None), ("contents", None), ("trees", []), ("key", "x"), ("checksum", "x")],
)
def test_a_kept_pipeline_that_was_changed_is_compiled_again(
    member: str, value: object, compiled: Path
) -> None:
    path = compiled / ".smp/compiled/one.json"
    kept = json.loads(path.read_text())
    if member == "compiled":
        value = kept["compiled"].replace('"Steps": []', '"Steps": [{}]')
    path.write_text(json.dumps({**kept, member: value}))
    assert compiled_again(compiled) == ("one",)


def test_a_kept_pipeline_of_another_one_is_not_taken(compiled: Path) -> None:
    shutil.copy(compiled / ".smp/compiled/two.json", compiled / ".smp/compiled/one.json")
    assert compiled_again(compiled) == ("one",)


@pytest.mark.parametrize("content", ["", "{", '["elsewhere"]'])
def test_a_list_of_read_files_that_was_changed_counts_for_nothing(
    content: str, compiled: Path
) -> None:
    (path,) = (compiled / ".smp/read-files").iterdir()
    path.write_text(content)
    assert compiled_again(compiled) == ("one", "two")
    assert compiled_again(compiled) == ()


def test_a_new_file_beside_the_script_counts(compiled: Path) -> None:
    write(compiled / "model_configs/two/scripts/requirements.txt", "tabulate\n")
    assert compiled_again(compiled) == ("two",)


def test_a_comment_in_the_config_counts_for_nothing(compiled: Path) -> None:
    path = compiled / "model_configs/one/conf/conf.yaml"
    path.write_text(f"# a word on it\n{path.read_text()}")
    assert compiled_again(compiled) == ()


def test_another_engine_compiles_everything(
    compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_all_module, "engine", lambda: fingerprint.Engine("another", ""))
    assert compiled_again(compiled) == ("one", "two")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"key": "x"}', "null", '{"key": 1, "compiled": "{}"}', "\x00"]
)
@pytest.mark.slow
def test_a_kept_file_that_is_damaged_is_compiled_again(content: str, compiled: Path) -> None:
    (compiled / ".smp/compiled/one.json").write_text(content)
    assert compiled_again(compiled) == ("one",)


def test_a_kept_value_that_is_damaged_is_compiled_again(compiled: Path) -> None:
    path = compiled / ".smp/compiled/one.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "compiled": '{"name": "one"}'}))
    assert compiled_again(compiled) == ("one",)


def test_code_that_is_gone_is_packed_again(compiled: Path) -> None:
    drivers = next((compiled / ".smp/code").glob("*/sm_train.sh"))
    drivers.unlink()
    assert compiled_again(compiled) == ("one", "two")
    assert drivers.is_file()


def test_fails_with_the_problems_of_every_pipeline(workspace: Path) -> None:
    script = f"{'deep/' * 60}train.py"  # longer than the service takes an argument
    section = f"      preprocess: {{image_uri: IMAGE, entry_point: {script}}}\n      train: "
    conf = CONF.replace("Training}", "Processing}").replace("      train: ", section)
    for name in ("two", "three"):
        write_model(workspace, name, conf)
        write(workspace / "model_configs" / name / "scripts" / script, "")
    compilation = compile_all(graphs_of(workspace), workspace / ".smp")
    with pytest.raises(CompileError) as error:
        compilation.result()
    assert [problem.location.file for problem in error.value.problems if problem.location] == [
        "model_configs/three/conf/conf.yaml",
        "model_configs/two/conf/conf.yaml",
    ]
    kept = {path.name for path in (workspace / ".smp/compiled").iterdir()}
    assert kept == {"one.json"}


def test_fails_with_what_cannot_be_packed_of_every_model(workspace: Path) -> None:
    for name in ("one", "two"):
        (workspace / "model_configs" / name / "scripts/link").symlink_to("/etc/passwd")
    with pytest.raises(ScriptError) as error:
        compile_all(graphs_of(workspace), workspace / ".smp")
    assert len(error.value.problems) == 2


@pytest.mark.parametrize("executable", ["false", "true"])
def test_fails_where_the_worker_gives_no_answer(
    executable: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "COMMAND", (f"/bin/{executable}",))
    with pytest.raises(SetupError, match="ended without an answer"):
        Compilation(graphs_of(workspace), workspace / ".smp").result()


def test_a_process_that_was_started_before_is_asked_or_ends(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = (sys.executable, str(Path(__file__).with_name("quick_worker.py")))
    monkeypatch.setattr(worker_process, "COMMAND", quick)
    work, kept_in = workspace / ".smp", workspace / ".smp/compiled"
    config = workspace / "model_configs/one/conf/conf.yaml"

    first = worker_process.start_if_likely(work, [config], kept_in)
    assert first is not None
    found = compile_all(graphs_of(workspace), work, worker=first).result()
    assert [one.name for one in found] == ["one", "two"]
    assert compiled_again(workspace) == ()
    assert worker_process.start_if_likely(work, [config], kept_in) is None

    time.sleep(0.05)
    config.touch()
    not_needed = worker_process.start_if_likely(work, [config], kept_in)
    assert not_needed is not None
    assert compile_all(graphs_of(workspace), work, worker=not_needed).result() == found
    with pytest.raises(ValueError, match="closed file"):
        not_needed.answer()


def test_an_edit_of_the_engine_after_the_start_of_the_process_is_noticed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = (sys.executable, str(Path(__file__).with_name("quick_worker.py")))
    monkeypatch.setattr(worker_process, "COMMAND", quick)
    worker_process.engine.cache_clear()
    worker = worker_process.start_if_likely(workspace / ".smp", [], workspace / ".smp/compiled")
    monkeypatch.setattr(fingerprint, "engine_lines", lambda: ["edited since"])
    compile_all(graphs_of(workspace), workspace / ".smp", worker=worker).result()
    assert compiled_again(workspace) == ("one", "two")


def test_the_worker_sees_none_of_the_users_aws_settings(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    monkeypatch.setenv("HOME", "/nonexistent")
    assert compiled_again(workspace) == ("one", "two")
