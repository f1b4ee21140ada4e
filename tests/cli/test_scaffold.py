"""`smp init`: the directory it makes is valid at once, and its scripts work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from smp.cli import authoring
from smp.cli.authoring import TEMPLATE_FILES, scaffold_model
from smp.errors import SetupError
from tests.cli.conftest import RunSmp

ROOT = Path(authoring.__file__).parents[2]


@pytest.mark.parametrize("name", ["fraud_check", "a", "churn-2", "my-model-of-mine", "Big_Name"])
def test_a_new_model_is_valid_at_once(run_smp: RunSmp, tmp_path: Path, name: str) -> None:
    made = run_smp("init", name, "--workspace", tmp_path)
    assert (made.status, made.err) == (0, "")
    assert f"made {tmp_path / 'model_configs' / name}\n" in made.out
    assert run_smp("validate", "--workspace", tmp_path).status == 0
    (pipeline,) = json.loads(run_smp("list", "--format", "json", "--workspace", tmp_path).out)
    assert (pipeline["name"], pipeline["models"]) == (name.replace("_", "-"), [name])


def test_several_new_models_live_in_one_workspace(run_smp: RunSmp, tmp_path: Path) -> None:
    for name in ("first", "second", "first_2"):
        assert run_smp("init", name, "--workspace", tmp_path).status == 0
    done = run_smp("validate", "--workspace", tmp_path)
    assert done.out == "valid: 3 models, 3 pipelines, 15 steps\n"


def test_no_name_of_the_template_is_left(tmp_path: Path) -> None:
    directory = scaffold_model(tmp_path, "fraud_check")
    for file in TEMPLATE_FILES:
        text = (directory / file).read_text("utf-8")
        assert "my_model" not in text
        assert "my-model" not in text


@pytest.mark.slow
def test_the_scripts_train_serve_and_evaluate(tmp_path: Path) -> None:
    directory = scaffold_model(tmp_path, "fraud_check")
    data, model, jobs = tmp_path / "data", tmp_path / "model", tmp_path / "processing"
    run_script(directory / "prepare_data.py", "--output", data)
    table = data / "fraud_check"
    channels = {"SM_CHANNEL_TRAIN": table / "train", "SM_MODEL_DIR": model}
    log = run_script(directory / "scripts" / "train.py", "--c", "0.5", **channels)
    assert float(log.split("train_accuracy=")[1].split(";")[0]) > 0.95

    predictions = jobs / "input" / "fraud-check-transform-test" / "x_test.csv.out"
    predictions.parent.mkdir(parents=True)
    predictions.write_text(run_code(SERVE, model / "code", model, table / "test" / "x_test.csv"))
    truth = jobs / "input" / "ground_truth"
    truth.mkdir()
    (table / "test" / "y_test.csv").rename(truth / "y_test.csv")
    run_script(directory / "scripts" / "evaluate.py", PROCESSING_DIR=jobs)
    report = json.loads((jobs / "output" / "model_evaluation_metrics.json").read_text("utf-8"))
    assert report["binary_classification_metrics"]["auc"]["value"] > 0.97


SERVE = """
import sys
sys.path.insert(0, sys.argv[1])
from inference import input_fn, model_fn, output_fn, predict_fn
model = model_fn(sys.argv[2])
for content in open(sys.argv[3], "rb").read(), open(sys.argv[3]).read():
    answer = output_fn(predict_fn(input_fn(content, "text/csv; charset=utf-8"), model), "text/csv")
one = input_fn(open(sys.argv[3]).readline(), "text/csv")
assert output_fn(predict_fn(one, model), "*/*") == answer.split("\\n")[0] + "\\n"
sys.stdout.write(answer)
"""


def run_script(script: Path, *arguments: object, **variables: object) -> str:
    return run([str(script), *map(str, arguments)], **variables)


def run_code(code: str, *arguments: object) -> str:
    return run(["-c", code, *map(str, arguments)])


def run(arguments: list[str], **variables: object) -> str:
    """Run Python with warnings as errors, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-Werror", "-B", *arguments],
        env={**os.environ, **{name: str(value) for name, value in variables.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "../a", "1a", "a__b", "a-", ".a", "é", "a" * 41]
)
def test_fails_on_a_name_that_cannot_be_one(run_smp: RunSmp, tmp_path: Path, name: str) -> None:
    done = run_smp("init", "--workspace", tmp_path, "--", name)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("smp: this cannot be the name of a model\n    found: ")
    assert list(tmp_path.iterdir()) == []


def test_fails_on_a_directory_that_exists_and_leaves_it_alone(
    run_smp: RunSmp, workspace: Path
) -> None:
    conf = workspace / "model_configs" / "fraud_check" / "conf" / "conf.yaml"
    conf.write_text("mine", "utf-8")
    done = run_smp("init", "fraud_check", "--workspace", workspace)
    assert done.status == 1
    assert "exists already" in done.err
    assert conf.read_text("utf-8") == "mine"


def test_fails_without_leaving_half_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authoring, "TEMPLATE_FILES", ("README.md", "missing"))
    with pytest.raises(FileNotFoundError):
        scaffold_model(tmp_path, "fraud_check")
    assert list((tmp_path / "model_configs").iterdir()) == []


def test_fails_where_the_workspace_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is not a directory"):
        scaffold_model(tmp_path / "nowhere", "fraud_check")


def test_the_template_is_complete_and_is_installed_with_the_package() -> None:
    package = ROOT / "smp" / "cli"
    template = package / "model_template"
    present = {file for file in template.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    assert present == {template / name for name in TEMPLATE_FILES}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (pattern,) = settings["tool"]["setuptools"]["package-data"]["smp.cli"]
    assert present <= set(package.glob(pattern))
