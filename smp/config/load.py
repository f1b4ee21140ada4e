"""Loads every configuration file of a workspace into one project.

It never imports or runs what a model's directory contains, and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from smp.config.faults import problems_of
from smp.config.files import FileSet, find_files, read_text
from smp.config.framework import ConfigFile, without_effect
from smp.config.merge import MergedModel, check_group_names, merge_models, merge_pipelines
from smp.config.placeholders import resolve_placeholders
from smp.config.project import ConfFile, Model, ModelConfig, Project
from smp.config.source_tree import (
    PathFault,
    entry_point_faults,
    find_source_directory,
    is_inside,
    lookup_roots,
    model_directory,
)
from smp.config.wording import dotted, shown_name
from smp.config.yaml_tree import Document, read_document
from smp.errors import ConfigError, Location, Problem, ScriptError

DEFAULT_PATTERN = "model_configs/*/conf/*.yaml"

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


def load_project(
    workspace: Path, pattern: str = DEFAULT_PATTERN, environ: Mapping[str, str] = NO_VARIABLES
) -> Project:
    """Return the models and pipelines of all files that `pattern` matches below `workspace`.

    `environ` holds what `${env:NAME}` may refer to. Raises ConfigError with the problems of all
    files at once, or ScriptError when only scripts and directories beside the files are wrong.
    """
    workspace = workspace.resolve()
    found = find_files(workspace, pattern)
    loading = _Loading(workspace, found, environ)
    project = loading.project()
    if loading.problems:
        raise ConfigError(_in_order(loading.problems + loading.script_problems))
    if loading.script_problems:
        raise ScriptError(_in_order(loading.script_problems))
    return project


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda p: (p.location or Location(""), p.path))


class _Loading:
    """One run over all files; `problems` grow as it goes."""

    def __init__(self, workspace: Path, found: FileSet, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.script_problems: list[Problem] = []
        self._workspace = workspace
        self._found = found
        self._environ = environ

    def project(self) -> Project:
        files = [file for path in self._found.files if (file := self._file(path))]
        complete = len(files) == len(self._found.files) and all(file.conf for file in files)
        merged = merge_models(files, self.problems)
        models = {m.name: model for m in merged.values() if (model := self._model(m, complete))}
        pipelines = merge_pipelines(files, self.problems)
        self.problems.extend(check_group_names(pipelines, models))
        if complete and not pipelines:
            self.problems.append(_no_pipeline(files))
        notes = [note for file in files if file.conf for note in without_effect(file)]
        notes.extend(note for model in models.values() for note in _notes(model))
        return Project(self._workspace, models, pipelines, tuple(_in_order(notes)))

    def _file(self, path: Path) -> ConfigFile | None:
        name = shown_name(path, self._workspace)
        directory = model_directory(path, self._workspace, self._found.base).resolve()
        try:
            if path.exists() and not is_inside(path, directory):
                reason = "is a link out of the model's own directory"
                raise ConfigError([Problem(reason, Location(name, 1, 1))])
            document = read_document(read_text(path, name), name)
        except ConfigError as error:
            self.problems.extend(error.problems)
            return None
        return ConfigFile(path, directory, document, self._conf(document))

    def _conf(self, document: Document) -> Any:
        resolved = resolve_placeholders(document, self._environ)
        self.problems.extend(resolved.problems)
        try:
            return ConfFile.model_validate(resolved.data).conf
        except ValidationError as error:
            self.problems.extend(problems_of(error, document))
            return None

    def _model(self, merged: MergedModel, complete: bool) -> Model | None:
        if merged.values.get("source_directory") is None:
            if complete:
                self.problems.append(_no_source_directory(merged))
            return None
        config = ModelConfig.model_construct(**merged.values)
        directory = merged.home.directory
        roots = lookup_roots(self._workspace, self._found)
        source = find_source_directory(config.source_directory, directory, roots)
        if isinstance(source, PathFault):
            self.script_problems.append(_path_problem(merged, source))
            return None
        file = merged.home.document.file
        model = Model(merged.name, config, file, directory, source, merged.positions)
        for fault in _entry_points(config, source, directory):
            self.script_problems.append(_path_problem(merged, fault))
        return model


def _entry_points(config: ModelConfig, source: Path, directory: Path) -> Iterator[PathFault]:
    for section in ("preprocess", "train", "transform", "evaluate"):
        entry_point = getattr(getattr(config, section), "entry_point", None)
        if entry_point is not None:
            yield from entry_point_faults(section, entry_point, source, directory)


def _path_problem(model: MergedModel, fault: PathFault) -> Problem:
    place = model.positions.get(fault.path) or Location(model.home.document.file, 1, 1)
    path = dotted(("conf", "models", model.name, *fault.path))
    return Problem(fault.reason, place, path, fault.found, fault.allowed, fault.hint)


def _no_source_directory(model: MergedModel) -> Problem:
    reason = "the required key 'source_directory' is missing"
    return Problem(reason, model.positions[()], dotted(("conf", "models", model.name)))


def _no_pipeline(files: list[ConfigFile]) -> Problem:
    names = ", ".join(file.document.file for file in files[:5])
    more = f" and {len(files) - 5} more" if len(files) > 5 else ""
    hint = "add conf.sagemakerPipeline to one of them"
    return Problem("no file has a 'sagemakerPipeline' section", None, "", names + more, None, hint)


def _notes(model: Model) -> Iterator[Problem]:
    """Yield a note for each setting that is valid and has no effect."""
    transform, registry = model.config.transform, model.config.registry
    if transform is None or registry is None or transform.image_uri is None:
        return
    image = registry.inference_specification.image_uri
    if transform.image_uri != image:
        yield Problem(
            "has no effect: a transform job runs in the model's own image",
            model.locate("transform", "image_uri"),
            dotted(("conf", "models", model.name, "transform", "image_uri")),
            repr(transform.image_uri),
            None,
            f"registry.InferenceSpecification.image_uri is {image!r}",
        )
