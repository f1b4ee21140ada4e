"""Hyperparameters, imports and signals of a compiled job that really runs, by the SDK's own drivers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.parameters import parameter_values
from smp.errors import RunError
from smp.graph import build_graph
from smp.local.store.run_store import Run
from tests.graph.workspace import DIRECTORY, IMAGE, load, pipeline_of, write
from tests.local.pipelines import Workspace, log_of, statuses, step_of

ECHO = """
import json, os, sys
from common import NAME
hps = json.loads(os.environ["SM_HPS"])
own = {k: v for k, v in os.environ.items() if k.startswith("SM_HP_")}
print("GOT " + json.dumps([sys.argv[1:], hps, own, NAME]))
print("auc=1")
"""
TEXTS = (
    *("1.10", "1e5", "6254e12", "0.1234567890123456789012345", " 7", "", " ", "true", "True"),
    *(
        "null",
        "NaN",
        "it's",
        "'",
        'say "x"',
        '"',
        "\\",
        "a\\nb",
        "a\nb",
        "[1, 2]",
        "{",
        "{}",
        "$HOME",
    ),
    *(
        "`id`",
        "$(id)",
        "a;b",
        "-x",
        "--y",
        "é\u2028ü",
        "{'a': 1}",
        "x=1,y=2",
        "0x10",
        "007",
        "1_000",
    ),
)


def compiled(
    workspace: Workspace, step: str, train: str, tune: str = "", entry: str = "", top: str = ""
) -> CompiledPipeline:
    """Compile one step over a script in a subdirectory that imports from the source root."""
    root = workspace.root / "config"
    write(root / DIRECTORY / "scripts/common.py", "NAME = 'root'\n")
    write(root / DIRECTORY / "scripts" / (entry or "deep/fit.py"), ECHO)
    text = pipeline_of(step).replace("    models:", f"{top}    models:", 1)
    overrides = {"demo__train": train, **({"demo__tune": tune} if tune else {})}
    graph = build_graph(load(root, text, **overrides), "demo")
    return compile_pipeline(graph, workspace.places.code)


def section(values: dict[str, Any], more: str = "") -> str:
    return (
        f"{{image_uri: {IMAGE}, entry_point: deep/fit.py, hyperparameters: {json.dumps(values)}, "
        f"metric_definitions: [{{Name: auc, Regex: 'auc=(.*)'}}]{more}}}"
    )


def got(log: str) -> list[Any]:
    line = next(line for line in log.splitlines() if line.startswith("GOT "))
    found: list[Any] = json.loads(line.removeprefix("GOT "))
    return found


def pairs(argv: list[str]) -> dict[str, str]:
    return dict(zip(argv[::2], argv[1::2], strict=True))


def trial_log(run: Run) -> str:
    (log,) = (run.step_directory("fit") / "trials").iterdir()
    return log.read_text(encoding="utf-8")


def test_texts_reach_the_script_of_a_training_step(workspace: Workspace) -> None:
    values = {f"t{index:02}": text for index, text in enumerate(TEXTS)}
    run = workspace.run(compiled(workspace, "fit: Training", section(values)))
    assert statuses(run) == {"fit": "Succeeded"}, log_of(run, "fit")[-2000:]
    argv, hps, own, name = got(log_of(run, "fit"))
    assert pairs(argv) == {f"--{key}": text for key, text in values.items()}
    assert hps == values
    assert own == {f"SM_HP_{key.upper()}": text for key, text in values.items()}
    assert name == "root"


def test_texts_reach_the_script_of_a_search(workspace: Workspace) -> None:
    quoted = {text for text in TEXTS if text.startswith('"') or text.endswith('"')}
    values = {f"t{index:02}": t for index, t in enumerate(TEXTS) if t not in quoted}
    tune = "{objective: {metric: auc}, ranges: {kind: {type: categorical, values: ['1.10']}}, max_jobs: 1}"
    run = workspace.run(compiled(workspace, "fit: Tuning", section(values), tune))
    assert statuses(run) == {"fit": "Succeeded"}, trial_log(run)
    argv, hps, own, name = got(trial_log(run))
    expected = {"kind": "1.10", **values}
    assert pairs(argv) == {f"--{key}": text for key, text in expected.items()}
    assert hps == expected
    assert own == {f"SM_HP_{key.upper()}": text for key, text in expected.items()}
    assert name == "root"


@pytest.mark.parametrize("step", ["Training", "Tuning"])
def test_numbers_flags_lists_and_mappings(workspace: Workspace, step: str) -> None:
    values = {"n": 3, "rate": 1e-5, "flag": True, "layers": [64, 32], "map": {"a": "x"}}
    values = {f"my_{name}": value for name, value in values.items()}
    tune = (
        "{objective: {metric: auc}, ranges: {more: {type: integer, min: 2, max: 3}}, max_jobs: 1}"
    )
    tunes = tune if step == "Tuning" else ""
    run = workspace.run(compiled(workspace, f"fit: {step}", section(values), tunes))
    argv, _, own, _ = got(trial_log(run) if step == "Tuning" else log_of(run, "fit"))
    found = pairs(argv)
    assert found["--my_n"] == "3"
    assert found["--my_rate"] == "1e-05"
    assert found["--my_flag"] == "True"
    assert own["SM_HP_MY_FLAG"] == "true"
    assert json.loads(found["--my_layers"]) == [64, 32]
    assert json.loads(found["--my_map"]) == {"a": "x"}


@pytest.mark.parametrize("value", ["1.10", "true", "x y", "it's"])
@pytest.mark.parametrize("step", ["Training", "Tuning"])
def test_a_parameter_of_type_string_stays_text(workspace: Workspace, step: str, value: str) -> None:
    top = (
        "    parameters: [{name: version, type: String, default: '2.0'}, "
        "{name: count, type: Integer, default: 4}]\n"
    )
    values = {"version": "${parameters.version}", "count": "${parameters.count}"}
    values["both"] = "${parameters.count}${parameters.version}"
    tune = (
        "{objective: {metric: auc}, ranges: {more: {type: integer, min: 2, max: 3}}, max_jobs: 1}"
    )
    tunes = tune if step == "Tuning" else ""
    run = workspace.run(
        compiled(workspace, f"fit: {step}", section(values), tunes, top=top), {"version": value}
    )
    argv, hps, _, _ = got(trial_log(run) if step == "Tuning" else log_of(run, "fit"))
    found = pairs(argv)
    assert (found["--version"], found["--count"], found["--both"]) == (value, "4", f"4{value}")
    assert (hps["version"], hps["count"]) == (value, 4)


@pytest.mark.parametrize("value", ['a"b', "C:\\new", "a\tb"])
def test_fails_where_a_given_value_would_change_in_a_hyperparameter(
    workspace: Workspace, value: str
) -> None:
    top = "    parameters: [{name: text, default: fine}]\n"
    fixed = {"text": "${parameters.text}"}
    quoted = compiled(workspace, "fit: Training", section(fixed), top=top)
    with pytest.raises(RunError, match="stands inside a JSON string"):
        workspace.run(quoted, {"text": value})
    raw = f"{{image_uri: {IMAGE}, hyperparameters: {json.dumps(fixed)}}}"
    plain = compiled(workspace, "fit: Training", raw, top=top)
    assert parameter_values(plain.definition, {"text": value}) == {"text": value}


def test_a_shell_script_gets_its_arguments(workspace: Workspace) -> None:
    root = workspace.root / "config"
    text = '#!/bin/bash\nfor a in "$@"; do echo "<$a>"; done\n'
    write(root / DIRECTORY / "scripts/fit.sh", text)
    train = f"{{image_uri: {IMAGE}, entry_point: fit.sh, hyperparameters: {{a: 'it''s $x', b: '1.10'}}}}"
    run = workspace.run(compiled(workspace, "fit: Training", train))
    lines = [line for line in log_of(run, "fit").splitlines() if line.startswith("<")]
    assert lines == ["<--a>", "<it's $x>", "<--b>", "<1.10>"]


TIDY = """
import signal, sys, time
def tidy(*_):
    print("tidied", flush=True)
    open("/opt/ml/model/kept", "w").write("x")
    sys.exit(0)
signal.signal(signal.SIGTERM, tidy)
print("auc=1", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["fit.py", "fit.sh"])
def test_sigterm_reaches_the_script_of_a_training_step_once(
    workspace: Workspace, name: str
) -> None:
    scripts = workspace.root / "config" / DIRECTORY / "scripts"
    write(scripts / "fit.py", TIDY)
    write(scripts / "fit.sh", "#!/bin/bash\ntrap 'echo tidied; exit 0' TERM\nsleep 60 & wait\n")
    train = f"{{image_uri: {IMAGE}, entry_point: {name}, max_runtime_seconds: 3}}"
    run = workspace.run(compiled(workspace, "fit: Training", train), grace_seconds=20)
    assert step_of(run, "fit").status == "Failed"
    assert "it ran longer than MaxRuntimeInSeconds = 3" in str(step_of(run, "fit").reason)
    assert log_of(run, "fit").count("tidied\n") == 1


def test_the_script_of_a_search_does_not_hear_sigterm(workspace: Workspace) -> None:
    write(workspace.root / "config" / DIRECTORY / "scripts/fit.py", TIDY)
    train = (
        f"{{image_uri: {IMAGE}, entry_point: fit.py, max_runtime_seconds: 2, "
        "metric_definitions: [{Name: auc, Regex: 'auc=(.*)'}]}"
    )
    tune = (
        "{objective: {metric: auc}, ranges: {more: {type: integer, min: 2, max: 3}}, max_jobs: 1}"
    )
    run = workspace.run(compiled(workspace, "fit: Tuning", train, tune), grace_seconds=20)
    assert statuses(run) == {"fit": "Failed"}
    assert "auc=1" in trial_log(run)
    assert "tidied" not in trial_log(run)


def test_output_that_is_not_utf_8_does_not_fail_the_job(workspace: Workspace) -> None:
    scripts = workspace.root / "config" / DIRECTORY / "scripts"
    write(scripts / "fit.py", "import sys; sys.stdout.buffer.write(b'\\xff\\n')\n")
    train = f"{{image_uri: {IMAGE}, entry_point: fit.py}}"
    run = workspace.run(compiled(workspace, "fit: Training", train))
    assert statuses(run) == {"fit": "Succeeded"}


def test_a_failing_script_gives_the_job_its_exit_code(workspace: Workspace) -> None:
    scripts = workspace.root / "config" / DIRECTORY / "scripts"
    write(scripts / "fit.py", "raise SystemExit(7)\n")
    train = f"{{image_uri: {IMAGE}, entry_point: fit.py}}"
    run = workspace.run(compiled(workspace, "fit: Training", train))
    assert "exit code 7" in str(step_of(run, "fit").reason)
