"""Workspaces for graph tests: two models with every section, and the pipeline that a test writes."""

from __future__ import annotations

from pathlib import Path

from smp.config.load import load_project
from smp.config.project import Project
from smp.graph import PipelineGraph, build_graph

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/image:1"
DIRECTORY = "model_configs/demo"
SCRIPTS = ("preprocess.py", "train.py", "inference.py", "evaluate.py")
ODD_SCRIPTS = ("pre.process.py", "a b.sh", "a;b.py", "-serve.py")

SECTIONS = {
    "preprocess": f"{{image_uri: {IMAGE}, entry_point: preprocess.py, channels: {{train: "
    "{dataFiles: [{sourceName: raw, fileName: s3://data/raw.csv}]}, test: }}",
    "train": f"{{image_uri: {IMAGE}, entry_point: train.py}}",
    "tune": "",
    "transform": "{entry_point: inference.py, channels: train}",
    "evaluate": f"{{image_uri: {IMAGE}, entry_point: evaluate.py, channels: train}}",
    "registry": f'{{ModelRepack: "False", InferenceSpecification: {{image_uri: {IMAGE}}}}}',
}
"""The sections of the models `demo` and `other`; a test puts others in or, with "", leaves one out."""


def write_models(workspace: Path, overrides: dict[str, str]) -> None:
    """Write both models; keys of `overrides` are `demo.train` and the like."""
    lines = ["conf:", "  models:"]
    for model in ("demo", "other"):
        lines += [f"    {model}:", "      source_directory: scripts"]
        further = [key.partition(".")[2] for key in overrides if key.startswith(f"{model}.")]
        for section in dict.fromkeys([*SECTIONS, *further]):
            text = overrides.get(f"{model}.{section}", SECTIONS.get(section, ""))
            lines += [f"      {section}: {text}"] if text else []
    write(workspace / DIRECTORY / "conf/models.yaml", "\n".join(lines) + "\n")
    for script in SCRIPTS:
        write(workspace / DIRECTORY / "scripts" / script, "")


def load(workspace: Path, pipeline: str, **overrides: str) -> Project:
    """Load both models and the text of `pipeline.yaml`; `demo__train="…"` replaces a section."""
    for script in ODD_SCRIPTS:
        if any(script in text for text in overrides.values()):
            write(workspace / DIRECTORY / "scripts" / script, "")
    write_models(workspace, {key.replace("__", "."): text for key, text in overrides.items()})
    write(workspace / DIRECTORY / "conf/pipeline.yaml", pipeline)
    return load_project(workspace)


def graph_of(workspace: Path, steps: str, **overrides: str) -> PipelineGraph:
    """Build the graph of a pipeline of model `demo` from `name: Class, key: value` lines."""
    return build_graph(load(workspace, pipeline_of(steps), **overrides), "demo")


def pipeline_of(steps: str, dependencies: str = "") -> str:
    """Return the text of a pipeline file; a line `@other` starts the steps of another model."""
    lines = ["conf:", "  sagemakerPipeline:", "    pipelineName: demo", "    models:"]
    if not steps.startswith("@"):
        lines += ["      demo:", "        steps:"]
    for step in steps.strip().splitlines():
        if step.startswith("@"):
            lines += [f"      {step[1:]}:", "        steps:"]
            continue
        name, _, rest = step.partition(": ")
        step_class, *more = rest.split(", ", 1)
        keys = ", ".join([f"step_name: {name}", f"step_class: {step_class}", *more])
        lines.append(f"          - {{{keys}}}")
    lines += [f"    dependencies: {dependencies}"] if dependencies else []
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> Path:
    """Write a file and the directories it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
