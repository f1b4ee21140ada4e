"""Joins what several files say into models and pipelines.

It never lets one file override another: what two files claim is a problem that names both places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smp.config.pipeline import PipelineConfig
from smp.config.project import SECTIONS, Model, ModelPart, Pipeline
from smp.config.read.yaml_tree import Path_
from smp.config.values.aws import HYPHENATED
from smp.config.values.base import PATTERN_WORDS
from smp.config.values.framework import (
    ConfigFile,
    Settings,
    misplaced,
    network_of,
    settings_of,
    shared_settings,
)
from smp.errors import Location, Problem
from smp.text.messages import dotted, shown

MODELS: Path_ = ("conf", "models")
MODEL_KEYS = frozenset(ModelPart.model_fields) - frozenset(SECTIONS)


@dataclass(frozen=True)
class MergedModel:
    """A model's sections from all files, each with the place where it was written."""

    name: str
    values: Mapping[str, Any]
    positions: Mapping[Path_, Location]
    home: ConfigFile
    """The file that names the source directory, else the first one that mentions the model."""


def merge_models(files: list[ConfigFile], problems: list[Problem]) -> dict[str, MergedModel]:
    """Join the models of all valid files by name; report sections that stand in two places."""
    parts: dict[str, list[tuple[ConfigFile, ModelPart]]] = {}
    for file in files:
        for name, part in (file.conf.models.parts if file.conf else {}).items():
            parts.setdefault(name, []).append((file, part))
    problems.extend(_claimed_twice(parts))
    positions = _model_positions(files)
    return {name: _join(name, found, positions[name]) for name, found in sorted(parts.items())}


def _join(
    name: str, parts: list[tuple[ConfigFile, ModelPart]], positions: Mapping[Path_, Location]
) -> MergedModel:
    values: dict[str, Any] = {}
    for _, part in reversed(parts):
        values.update({key: getattr(part, key) for key in part.model_fields_set})
    homes = [file for file, part in parts if part.source_directory is not None]
    return MergedModel(name, values, positions, (homes or [parts[0][0]])[0])


def _claimed_twice(parts: Mapping[str, list[tuple[ConfigFile, ModelPart]]]) -> Iterator[Problem]:
    for name, found in parts.items():
        first: dict[str, Location] = {}
        for file, part in found:
            for key in sorted(part.model_fields_set):
                path = (*MODELS, name, key)
                place = file.document.keys.get(path) or file.document.locate(path)
                if key in first:
                    noun = "key" if key in MODEL_KEYS else "section"
                    what = f"the {noun} '{key}' of the model '{name}'"
                    reason = f"{what} is defined twice: first at {first[key]}"
                    yield Problem(reason, place, dotted(path), hint="keep one of the two")
                first.setdefault(key, place)


def _model_positions(files: list[ConfigFile]) -> dict[str, dict[Path_, Location]]:
    """Return, by model, where each path below it was written; the first file in order wins."""
    positions: dict[str, dict[Path_, Location]] = {}
    for file in files:
        for path, location in file.document.positions.items():
            if len(path) > 2 and path[:2] == MODELS:
                positions.setdefault(str(path[2]), {}).setdefault(path[3:], location)
    return positions


def merge_pipelines(files: list[ConfigFile], problems: list[Problem]) -> tuple[Pipeline, ...]:
    """Return one pipeline for each `sagemakerPipeline` section of the valid files, by name."""
    shared = shared_settings((file for file in files if file.is_framework), problems)
    pipelines: dict[str, Pipeline] = {}
    for file in files:
        if file.conf is None or file.is_framework:
            continue
        if file.conf.pipeline is None:
            problems.extend(misplaced(file))
            continue
        settings = {**shared, **settings_of(file, problems)}
        pipeline = _pipeline(file, file.conf.pipeline, settings)
        first = pipelines.setdefault(pipeline.config.pipeline_name, pipeline)
        if first is not pipeline:
            problems.append(_same_name(first, pipeline))
    return tuple(pipelines[name] for name in sorted(pipelines))


def _pipeline(file: ConfigFile, config: PipelineConfig, settings: Settings) -> Pipeline:
    values = {key: setting.value for key, setting in settings.items()}
    places = file.document.positions.items()
    return Pipeline(
        config=config,
        file=file.document.file,
        network=network_of(settings),
        s3_bucket=values.get("s3_bucket"),
        project_name=values.get("project_name", config.pipeline_name),
        positions={path[1:]: place for path, place in places if path},
    )


def check_group_names(
    pipelines: Iterable[Pipeline], models: Mapping[str, Model]
) -> Iterator[Problem]:
    """Yield a problem for each model whose package group would get a name the service refuses."""
    for pipeline in pipelines:
        for name, declared in pipeline.config.models.items():
            model = models.get(name)
            registered = any(step.step_class == "RegisterModel" for step in declared.steps)
            if model is None or model.config.registry is None or not registered:
                continue
            group = f"{pipeline.project_name}-{name}"
            named = model.config.registry.model_package_group_name
            if named is None and not re.fullmatch(HYPHENATED, group):
                yield Problem(
                    "the name of its model package group, <projectName>-<model>, is not allowed",
                    model.locate("registry"),
                    dotted((*MODELS, name, "registry")),
                    shown(group),
                    PATTERN_WORDS[HYPHENATED],
                    "set registry.ModelPackageGroupName, or rename the model",
                )


def _same_name(first: Pipeline, second: Pipeline) -> Problem:
    path = ("sagemakerPipeline", "pipelineName")
    reason = f"a second pipeline has the same name: first at {first.locate(*path)}"
    found = shown(second.config.pipeline_name)
    return Problem(reason, second.locate(*path), dotted(("conf", *path)), found)
