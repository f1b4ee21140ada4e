"""Loads every configuration file of a workspace into one project.

It never imports or runs what a model's directory contains, and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from smp.config.merge import MODELS, MergedModel, check_group_names, merge_models, merge_pipelines
from smp.config.overlays import SelectedEnvironment, check_overlays, overlay_names, with_overlay
from smp.config.project import (
    KIND,
    SCRIPT_KEYS,
    SECTIONS,
    Conf,
    ConfFile,
    Model,
    ModelConfig,
    Project,
)
from smp.config.read.file_text import read_text
from smp.config.read.files import DEFAULT_PATTERN, FileSet, find_files, model_directory
from smp.config.read.placeholders import Resolved, resolve_placeholders
from smp.config.read.scripts import (
    find_scripts,
    is_inside,
    lookup_roots,
)
from smp.config.read.yaml_tree import Document, read_document
from smp.config.validation_errors import problems_of
from smp.config.values.framework import ConfigFile, without_effect
from smp.errors import ConfigError, Location, Problem, ScriptError
from smp.text.messages import dotted, shown_name

MAX_PROBLEMS = 500
"""What a message lists; a file of anything else would fill the screen for minutes."""

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


def load_project(
    workspace: Path,
    pattern: str = DEFAULT_PATTERN,
    environ: Mapping[str, str] = NO_VARIABLES,
    environment: str | None = None,
    environments: Iterable[str] = (),
) -> Project:
    """Return the models and pipelines of all files that `pattern` matches below `workspace`.

    `environ` holds what `${env:NAME}` may refer to. What a file says in `conf.environments` for
    `environment` counts; without one, each such section is checked and none counts. `environments`
    names all there are, where that is known. Raises ConfigError with the problems of all files at
    once, or ScriptError when only scripts and directories beside the files are wrong.
    """
    workspace = workspace.resolve()
    found = find_files(workspace, pattern)
    loading = _Loading(
        workspace, found, environ, SelectedEnvironment(environment, tuple(environments))
    )
    project = loading.project()
    if loading.problems:
        raise ConfigError(_in_order(loading.problems + loading.script_problems))
    if loading.script_problems:
        raise ScriptError(_in_order(loading.script_problems))
    return project


def _in_order(problems: list[Problem]) -> list[Problem]:
    ordered = sorted(dict.fromkeys(problems), key=lambda p: (p.location or Location(""), p.path))
    more = len(ordered) - MAX_PROBLEMS
    return [*ordered[:MAX_PROBLEMS], *([Problem(f"{more} more problems")] if more > 0 else [])]


class _Loading:
    """One run over all files; `problems` grow as it goes."""

    def __init__(
        self,
        workspace: Path,
        found: FileSet,
        environ: Mapping[str, str],
        chosen: SelectedEnvironment,
    ) -> None:
        self.problems: list[Problem] = []
        self.script_problems: list[Problem] = []
        self._workspace = workspace
        self._found = found
        self._roots = lookup_roots(workspace, found)
        self._environ = environ
        self._chosen = chosen
        self._overlays: set[str] = set()

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
        self.problems.extend(self._chosen.problems())
        notes.extend(self._chosen.notes(self._overlays))
        documents = tuple(file.document for file in files)
        return Project(self._workspace, models, pipelines, tuple(_in_order(notes)), documents)

    def _file(self, path: Path) -> ConfigFile | None:
        name = shown_name(path, self._workspace)
        place = model_directory(path, self._workspace, self._found.base)
        directory = place.resolve()
        try:
            if path.exists() and not is_inside(path, directory):
                reason = "is a link out of the model's own directory"
                raise ConfigError([Problem(reason, Location(name, 1, 1))])
            document = read_document(read_text(path, name), name)
        except ConfigError as error:
            self.problems.extend(error.problems)
            return None
        document = self._with_overlay(document)
        file = ConfigFile(path, directory, place.name, document, self._conf(document))
        if file.conf is None:
            self._unsettled_scripts(file)
        return file

    def _with_overlay(self, document: Document) -> Document:
        """Return the document for the chosen environment; without one, check it for each."""
        names = overlay_names(document)
        self._overlays.update(names)
        self.problems.extend(check_overlays(document, self._chosen.known))
        for name in names if self._chosen.name is None else ():
            changed, problems = with_overlay(document, name)
            self.problems.extend(problems)
            resolved = resolve_placeholders(changed, self._environ)
            _, problems = _validated(changed, resolved)
            self.problems.extend(p for p in problems if p not in resolved.unset)
        changed, problems = with_overlay(document, self._chosen.name)
        self.problems.extend(problems)
        return changed

    def _conf(self, document: Document) -> Conf | None:
        conf, problems = _validated(document, resolve_placeholders(document, self._environ))
        self.problems.extend(problems)
        return conf

    def _model(self, merged: MergedModel, complete: bool) -> Model | None:
        if merged.values.get("source_directory") is None:
            if complete:
                self.problems.append(_no_source_directory(merged))
            return None
        config = ModelConfig.model_construct(**merged.values)
        home = merged.home
        source = config.source_directory
        found = find_scripts(source, config.scripts, home.directory, self._roots)
        for fault in found.faults:
            place = merged.positions.get(fault.path, Location(home.document.file, 1, 1))
            self.script_problems.append(fault.problem((*MODELS, merged.name), place))
        if found.directory is None:
            return None
        return Model(
            name=merged.name,
            config=config,
            file=home.document.file,
            directory=home.directory,
            directory_name=home.directory_name,
            source_directory=found.directory,
            positions=merged.positions,
        )

    def _unsettled_scripts(self, file: ConfigFile) -> None:
        """Report scripts that a file with other problems names and that are not there."""
        models = _mapping(_mapping(file.document.data).get("conf")).get("models")
        for name, model in _mapping(models).items():
            sections = _mapping(model)
            further = [s for s in sections if s not in SECTIONS and KIND in _mapping(sections[s])]
            places = (*SCRIPT_KEYS, *((str(s), "entry_point") for s in further))
            named = {(s, key): _mapping(sections.get(s)).get(key) for s, key in places}
            source = sections.get("source_directory")
            if any(isinstance(path, str) and "$" in path for path in (source, *named.values())):
                continue
            found = find_scripts(source, named, file.directory, self._roots)
            for fault in found.faults:
                place = file.document.locate((*MODELS, name, *fault.path))
                self.script_problems.append(fault.problem((*MODELS, name), place))


def _validated(document: Document, resolved: Resolved) -> tuple[Conf | None, list[Problem]]:
    """Return what the file says, or None, and everything that is wrong with its values."""
    reported = {(problem.location, problem.path) for problem in resolved.problems}
    try:
        return ConfFile.model_validate(resolved.data).conf, list(resolved.problems)
    except ValidationError as error:
        found = problems_of(error, document)
        fresh = [p for p in found if (p.location, p.path) not in reported]
        return None, [*resolved.problems, *fresh]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _no_source_directory(model: MergedModel) -> Problem:
    reason = "the required key 'source_directory' is missing"
    return Problem(reason, model.positions[()], dotted(("conf", "models", model.name)))


def _no_pipeline(files: list[ConfigFile]) -> Problem:
    names = ", ".join(file.document.file for file in files[:5])
    more = f" and {len(files) - 5} more" if len(files) > 5 else ""
    hint = "add conf.sagemakerPipeline to one of them"
    return Problem("no file has a 'sagemakerPipeline' section", None, "", names + more, None, hint)


def _notes(model: Model) -> Iterator[Problem]:
    """Yield a note for what is valid but has no effect, or none on one's own machine."""
    yield from _notes_on_training(model)
    yield from _notes_on_transform(model)


def _notes_on_training(model: Model) -> Iterator[Problem]:
    train = model.config.train
    if train is not None and train.entry_point is None and train.local_stand_in is None:
        yield Problem(
            "runs locally only with a stand-in: its algorithm is in the image alone",
            model.locate("train"),
            dotted(("conf", "models", model.name, "train")),
            repr(train.image_uri or train.algorithm or train.framework),
            None,
            "name a script in local_stand_in, or use `smp run --sandbox docker`",
        )


def _is_served_by_its_image(model: Model) -> bool:
    """Whether neither training nor serving names a script, as with a built-in algorithm."""
    train, transform = model.config.train, model.config.transform
    if train is None or transform is None or train.entry_point is not None:
        return False
    return transform.entry_point is None and transform.local_stand_in is None


def _notes_on_transform(model: Model) -> Iterator[Problem]:
    transform, registry = model.config.transform, model.config.registry
    if transform is not None and _is_served_by_its_image(model):
        yield Problem(
            "runs locally only with a stand-in: the server of its model is in the image alone",
            model.locate("transform"),
            dotted(("conf", "models", model.name, "transform")),
            None,
            None,
            "name a script with model_fn in local_stand_in",
        )
    if transform is None or registry is None or transform.image_uri is None:
        return
    specification = registry.inference_specification
    published = specification.published()
    key = "image_uri" if published is None else "image"
    image = specification.image_uri if published is None else published.name
    if transform.image_uri != image:
        yield Problem(
            "has no effect: a transform job runs in the model's own image",
            model.locate("transform", "image_uri"),
            dotted(("conf", "models", model.name, "transform", "image_uri")),
            repr(transform.image_uri),
            None,
            f"registry.InferenceSpecification.{key} is {image!r}",
        )
