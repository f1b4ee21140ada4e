"""Configurations whose text fields hold any text: what a person may write, and what breaks programs.

One base names nearly every text field. A draw replaces some of its texts, and adds entries to mappings
whose keys are free. The same number gives the same configuration.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
Path_ = tuple[str | int, ...]

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/image:1"
SCRIPTS = ("preprocess.py", "train.py", "inference.py", "evaluate.py", "handler.py")

BASE = f"""\
conf:
  projectName: demo
  models:
    m:
      source_directory: scripts
      name: served
      preprocess:
        image_uri: {IMAGE}
        entry_point: preprocess.py
        base_job_name: prep
        env: {{PLAIN: text, OTHER: more}}
        tags: [{{Key: team, Value: data}}]
        channels:
          train: {{s3BucketName: lake, inputBucketPrefix: raw/x, outputBucketPrefix: out/x,
                  dataFiles: [{{sourceName: raw, fileName: part/a.csv}}]}}
          test: {{dataFiles: [{{sourceName: whole, fileName: "s3://lake/whole/dir"}}]}}
        location: {{outputLocalFilepath: /opt/ml/processing/output}}
      train:
        image_uri: {IMAGE}
        entry_point: train.py
        base_job_name: fit
        env: {{PLAIN: text}}
        hyperparameters: {{depth: "3", label: text}}
        metric_definitions: [{{Name: auc, Regex: "auc=([0-9.]+)"}}]
        tags: [{{Key: team, Value: data}}]
        output_path: s3://lake/models
        checkpoint_s3_uri: s3://lake/checkpoints
        content_type: text/csv
        model_data_uri: s3://lake/start/model.tar.gz
        channels:
          extra: {{dataFiles: [{{fileName: "s3://lake/extra/dir"}}]}}
      tune:
        objective: {{metric: auc}}
        ranges: {{rate: {{type: continuous, min: 0.1, max: 0.5}},
                 kind: {{type: categorical, values: [one, two]}}}}
        static_hyperparameters: {{fixed: text}}
        tags: [{{Key: team, Value: data}}]
      transform:
        entry_point: inference.py
        env: {{PLAIN: text}}
        content_type: text/csv
        accept: text/csv
        input_filter: "$[1:]"
        output_filter: "$[0]"
        tags: [{{Key: team, Value: data}}]
        channels: {{train: {{dataFiles: [{{fileName: "s3://lake/scored/x.csv"}}]}}}}
      evaluate:
        image_uri: {IMAGE}
        entry_point: evaluate.py
        env: {{PLAIN: text}}
        content_type: application/json
        channels: {{train: {{bucket_prefix: reports/x, dataFiles: [{{sourceName: truth, fileName: "s3://lake/truth.csv"}}]}}}}
      registry:
        ModelRepack: "False"
        ModelPackageGroupName: group
        ModelPackageGroupDescription: A group
        ModelPackageDescription: A version
        InferenceSpecification:
          image_uri: {IMAGE}
          supported_content_types: [text/csv]
          supported_response_MIME_types: [text/csv]
  sagemakerPipeline:
    pipelineName: demo
    displayName: Demo
    description: A pipeline
    tags: [{{Key: team, Value: data}}]
    parameters:
      - {{name: day, type: String, default: monday, description: The day}}
      - {{name: mode, type: String, default: fast, allowed_values: [fast, slow]}}
    models:
      m:
        steps:
          - {{step_name: prep, step_class: Processing}}
          - {{step_name: fit, step_class: Training, chain_input_source_step: prep}}
          - {{step_name: search, step_class: Tuning}}
          - {{step_name: serve, step_class: CreateModel}}
          - {{step_name: predict, step_class: Transform}}
          - {{step_name: score, step_class: Metrics, chain_input_source_step: predict}}
          - {{step_name: gate, step_class: Condition, condition: "score.metrics.auc >= 0.8",
             if_steps: [register], else_steps: [stop]}}
          - {{step_name: register, step_class: RegisterModel}}
          - {{step_name: stop, step_class: Fail, message: "too bad: ${{score.metrics.auc}}"}}
          - {{step_name: call, step_class: Lambda, function: f,
             inputs: {{text: words, n: 1}}, outputs: {{answer: String}}}}
          - {{step_name: quality, step_class: QualityCheck, check: data_quality,
             baseline_dataset: "s3://lake/base.csv", env: {{PLAIN: text}}}}
"""

KEYED = ("env", "hyperparameters", "static_hyperparameters", "inputs", "channels")
"""Mappings whose keys are their author's."""

FREE = frozenset(
    [
        *KEYED[:-1],
        *("tags", "description", "displayName", "message", "default", "allowed_values"),
        *("fileName", "inputBucketPrefix", "outputBucketPrefix", "bucket_prefix", "output_path"),
        *("checkpoint_s3_uri", "model_data_uri", "baseline_dataset", "content_type", "accept"),
        *(
            "input_filter",
            "output_filter",
            "values",
            "supported_content_types",
            "metric_definitions",
        ),
        *("ModelPackageDescription", "ModelPackageGroupDescription"),
        "supported_response_MIME_types",
    ]
)
"""Keys below which a text is its author's; the other texts name something that must exist."""

ALPHABETS = (
    "abcXYZ019",
    " \t",
    "\n\r",
    "-_.:/=+@",
    "$(){}[]<>*?!|&;#%^~`,",
    "'\"\\",
    "\u00e4\u00df\u00e9\u4e2d\u6587\u0645\U0001f680",
    "\u00a0\u2003\u3000\u200b\u202e\u2066\ufeff",
    "\x00\x01\x1b\x7f\x85",
)
WHOLE = (
    *(
        "${HOME}",
        "$HOME",
        "${!x}",
        "${AWS::Region}",
        "${!AWS::Region}",
        "$(whoami)",
        "{{x}}",
        "{%x%}",
    ),
    *(
        "1.10",
        "1e5",
        "007",
        "true",
        "null",
        "~",
        "yes",
        ".inf",
        ".nan",
        "-",
        "",
        " ",
        " x ",
        "a: b",
    ),
    *(
        "[1, 2]",
        '{"a": 1}',
        '{"Get": "Steps.x"}',
        "%(x)s",
        "%s",
        "{0}",
        "x" * 255,
        "y" * 300,
        "z" * 600,
    ),
    *(
        "EU West",
        "a/b/EU West/",
        "s3://lake/EU West/",
        "s3://lake/a*",
        "s3://lake/${HOME}/x",
        "*",
        "\n",
    ),
    *(
        "a_b",
        "a-b",
        "a.b",
        "../x",
        "/x",
        "Team",
        "aws:x",
        "Std:Join",
        "Get",
        "{",
        "}",
        "${",
        "$${HOME}",
    ),
    *(
        "${Token[X.1]}",
        "${parameters.day}",
        "${parameters.mode}/x",
        "<b>x</b>",
        "-->",
        "x\ny",
        "=1+1",
    ),
)
"""Texts that mean something to one of the programs on the way."""


def any_text(draw: random.Random) -> str:
    """Return a text: one that means something somewhere, or characters of a few kinds."""
    if draw.random() < 0.5:
        return draw.choice(WHOLE)
    letters = "".join(draw.sample(ALPHABETS, draw.randint(1, 3)))
    return "".join(draw.choice(letters) for _ in range(draw.randint(1, 12)))


def drawn(number: int) -> tuple[Json, dict[Path_, str]]:
    """Return the configuration of a number, and its drawn texts by their paths."""
    draw = random.Random(number)
    conf = copy.deepcopy(_BASE)
    if number % 2:
        conf["conf"]["sagemakerPipeline"]["models"]["m"]["steps"].pop()  # only SageMaker has it
    chosen: dict[Path_, str] = {}
    paths = draw.sample(_FREE, draw.randint(1, 3)) if draw.random() < 0.8 else [draw.choice(_TEXTS)]
    for path in paths:
        if number % 2 and path[: len(_QUALITY)] == _QUALITY:
            continue
        text = any_text(draw)
        if str(path[-1]).endswith(("_uri", "_path", "baseline_dataset", "fileName")):
            text = text if draw.random() < 0.2 else f"s3://lake/{text}"
        chosen[path] = text
    if draw.random() < 0.1:
        chosen[(*draw.choice(_MAPPINGS[:-1]), any_text(draw))] = "text"
    for path, text in chosen.items():
        _put(conf, path, {} if path[-2] == "channels" else text)
    return conf, chosen


def _put(tree: Any, path: Path_, value: Any) -> None:
    for part in path[:-1]:
        tree = tree[part]
    tree[path[-1]] = value


def _texts(tree: Any, path: Path_ = ()) -> Iterator[Path_]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        if isinstance(value, str):
            yield (*path, key)
        elif isinstance(value, (dict, list)):
            yield from _texts(value, (*path, key))


def _mappings(tree: Any, path: Path_ = ()) -> Iterator[Path_]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        if isinstance(value, dict) and key in KEYED:
            yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from _mappings(value, (*path, key))


_BASE: Json = yaml.safe_load(BASE)
_TEXTS = list(_texts(_BASE))
_FREE = [path for path in _TEXTS if FREE.intersection(path)]
_QUALITY = ("conf", "sagemakerPipeline", "models", "m", "steps", 10)
_MAPPINGS = list(_mappings(_BASE))


def write_workspace(root: Path) -> Path:
    """Make the model's directory and return the configuration's file."""
    model = root / "model_configs" / "m"
    (model / "scripts").mkdir(parents=True)
    (model / "conf").mkdir()
    for name in SCRIPTS:
        (model / "scripts" / name).touch()
    return model / "conf" / "conf.yaml"
