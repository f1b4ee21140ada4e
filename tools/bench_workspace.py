"""Makes the directories that the benchmark measures: an empty CDK app, this app, generated models.

Never writes outside the directory it is given.
"""

import json
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS_PER_UNIT = 6

_APP_PARTS = ("app.py", "cdk.json", "smp", "constructs_lib", "stacks", "requirements.lock")
_APP_PARTS_LINKED = (".venv", "node_modules", "package-lock.json", "pyproject.toml")

_EMPTY_APP = """\
import aws_cdk as cdk

app = cdk.App()
cdk.Stack(app, "Empty")
app.synth()
"""

_UNIT = """\
conf:
  models:
    {name}:
      source_directory: scripts
      preprocess: &job
        image_uri: SMP_ACCOUNTID.dkr.ecr.SMP_REGION.amazonaws.com/unit:1
        entry_point: job.py
        instance_type: ml.m5.large
        channels:
          train:
            dataFiles:
              - sourceName: raw
                fileName: s3://SMP_S3BUCKETNAME/{name}/raw
      train:
        <<: *job
        hyperparameters: {{depth: 6, learning_rate: 0.1, rounds: 100}}
      transform:
        <<: *job
        content_type: text/csv
        split_type: Line
      evaluate:
        <<: *job
        content_type: application/json
      registry:
        ModelRepack: "False"
        InferenceSpecification:
          image_uri: SMP_ACCOUNTID.dkr.ecr.SMP_REGION.amazonaws.com/unit:1
          supported_content_types: [text/csv]
          supported_response_MIME_types: [text/csv]
  sagemakerPipeline:
    pipelineName: {name}
    models:
      {name}:
        steps:
          - {{step_name: {name}-preprocess, step_class: Processing, step_type: preprocess}}
          - {{step_name: {name}-train, step_class: Training}}
          - {{step_name: {name}-model, step_class: CreateModel}}
          - {{step_name: {name}-transform, step_class: Transform}}
          - {{step_name: {name}-metrics, step_class: Metrics}}
          - {{step_name: {name}-register, step_class: RegisterModel}}
    dependencies:
      - >-
        {name}-preprocess >> {name}-train >> {name}-model
        >> {name}-transform >> {name}-metrics >> {name}-register
"""


def make_empty_app(directory: Path) -> Path:
    """Write a CDK app with one empty stack, run by the same command and flags as this app."""
    directory.mkdir(parents=True)
    (directory / "app.py").write_text(_EMPTY_APP, encoding="utf-8")
    settings = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))
    flags = {k: v for k, v in settings.get("context", {}).items() if k.startswith("@aws-cdk/")}
    empty = {"app": settings["app"], "context": flags}
    (directory / "cdk.json").write_text(json.dumps(empty), encoding="utf-8")
    _link_installation(directory)
    return directory


def make_bundled_app(directory: Path) -> Path:
    """Copy this app and its bundled models."""
    _copy_app(directory)
    shutil.copytree(ROOT / "model_configs", directory / "model_configs", ignore=_caches)
    return directory


def make_generated_app(directory: Path, units: int) -> Path:
    """Copy this app with so many generated models instead of the bundled ones."""
    _copy_app(directory)
    write_generated_models(directory, units)
    return directory


def write_generated_models(workspace: Path, units: int) -> None:
    """Write so many models, each a separate pipeline with one step of every class."""
    for number in range(units):
        name = f"unit-{number:03}"
        model = workspace / "model_configs" / name
        (model / "conf").mkdir(parents=True)
        (model / "scripts").mkdir()
        (model / "conf" / "conf.yaml").write_text(_UNIT.format(name=name), encoding="utf-8")
        (model / "scripts" / "job.py").write_text(f"print({name!r})\n", encoding="utf-8")


def forget_results(directory: Path) -> None:
    """Remove everything that an earlier synth left, so that the next one is cold."""
    for name in ("cdk.out", ".smp"):
        shutil.rmtree(directory / name, ignore_errors=True)


def _copy_app(directory: Path) -> None:
    directory.mkdir(parents=True)
    for name in _APP_PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=_caches)
        else:
            shutil.copy2(source, directory / name)
    _link_installation(directory)


def _link_installation(directory: Path) -> None:
    for name in _APP_PARTS_LINKED:
        (directory / name).symlink_to(ROOT / name)


_caches = shutil.ignore_patterns("__pycache__")
