"""The origin of each value of a configuration, and whether executions may change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from smp.config.overlays import ITEM_NAMES, SECTION
from smp.config.pipeline import PipelineConfig
from smp.config.project import NetworkSecurity, Pipeline, Project
from smp.config.read.yaml_tree import Document, Path_
from smp.config.sections.parameters import ParameterConfig
from smp.config.validation_errors import as_written
from smp.config.values.base import ConfigModel
from smp.config.values.varying import mark_of
from smp.definition.expressions import BEGIN, Reference, names_in
from smp.errors import ConfigError, Location, Problem, near_names
from smp.text.messages import dotted

PREFIXES = ("conf.models.", "conf.sagemakerPipeline.")
"""How messages begin the path of a value; a value may be asked for in the same words."""

FROM_DEPLOYMENT = "the deployment"
"""Provides role, key, network and bucket if no file sets them."""


@dataclass(frozen=True)
class Explained:
    """One value that is in effect. Without a place it is the default of its section."""

    path: str
    value: Any
    varies: bool
    place: Location | None = None
    written_path: str | None = None
    """Its path in the file, if it is expected in a section of an environment."""
    environment: str | None = None
    written: str | None = None
    """The text in the file, if a placeholder was replaced in it."""
    default_of: str | None = None
    parameters: Mapping[str, tuple[ParameterConfig, ...]] | None = None
    """The parameters that it refers to, by pipeline."""

    @property
    def is_default(self) -> bool:
        return self.place is None


@dataclass(frozen=True)
class _Row:
    """A value of a section: its path in the keys' own spelling, and other names for that path."""

    path: Path_
    named: Path_
    value: Any
    owner: type[ConfigModel]
    field: str
    is_set: bool


@dataclass(frozen=True)
class _Root:
    """What a path may begin with: a model or a pipeline."""

    name: str
    section: ConfigModel
    above: Path_
    positions: Mapping[Path_, Location]
    pipelines: tuple[Pipeline, ...]
    """Those whose parameters its values refer to."""


def explain(project: Project, asked: str, pipeline: str | None = None) -> tuple[Explained, ...]:
    """Return the value at a path, or all below it: `MODEL.train.env`, `PIPELINE.parameters`.

    `pipeline` leaves only that one's parameters. Raises ConfigError where there is no such value.
    """
    roots = list(_roots(project, pipeline))
    path = next((asked.removeprefix(p) for p in PREFIXES if asked.startswith(p)), asked)
    known: list[str] = []
    found: list[Explained] = []
    for root in roots:
        rows = list(_rows(root.section))
        known += [name for row in rows for name in _names(root, row)]
        if path == root.name or path.startswith(f"{root.name}."):
            wanted = path.removeprefix(root.name).lstrip(".")
            matching = (row for row in rows if _matches(root, row, wanted))
            found += [_explained(project, root, row) for row in matching]
            settings = _settings(project, root)
            found += [item for item in settings if _is_at(item.path, path)]
    if not found:
        raise ConfigError([_nothing(asked, path, [root.name for root in roots], known)])
    return tuple(found)


def _roots(project: Project, pipeline: str | None) -> Iterator[_Root]:
    chosen = [item for item in project.pipelines if pipeline in (None, item.config.pipeline_name)]
    if not chosen:
        names = [item.config.pipeline_name for item in project.pipelines]
        reason, hint = f"there is no pipeline '{pipeline}'", near_names(str(pipeline), names)
        raise ConfigError([Problem(reason, allowed=", ".join(names), hint=hint)])
    for name, model in project.models.items():
        using = tuple(item for item in chosen if name in item.config.models)
        yield _Root(name, model.config, ("conf", "models", name), model.positions, using)
    for item in chosen:
        above = ("conf", "sagemakerPipeline")
        inside = {
            path[1:]: place for path, place in item.positions.items() if path[:1] == above[1:]
        }
        yield _Root(item.config.pipeline_name, item.config, above, inside, (item,))


def _rows(
    section: ConfigModel, path: Path_ = (), named: Path_ = (), is_set: bool = True
) -> Iterator[_Row]:
    """Yield each value of a section, defaults too."""
    for name, field in type(section).model_fields.items():
        key = field.alias or name
        written = is_set and name in section.model_fields_set
        row = _Row((*path, key), (*named, key), None, type(section), name, written)
        yield from _below(row, getattr(section, name, None))
    for key, further in (section.__pydantic_extra__ or {}).items():
        yield from _rows(further, (*path, key), (*named, key), is_set)


def _settings(project: Project, root: _Root) -> Iterator[Explained]:
    """Yield what counts for a whole pipeline and is written outside its section, or in a file for all."""
    for pipeline in root.pipelines if isinstance(root.section, PipelineConfig) else ():
        yield _setting(project, root, ("projectName",), pipeline.project_name)
        yield _setting(project, root, ("s3Bucket",), pipeline.s3_bucket)
        for name in NetworkSecurity.model_fields:
            value = getattr(pipeline.network, name)
            yield _setting(project, root, ("sagemakerNetworkSecurity", name), value)


def _setting(project: Project, root: _Root, path: Path_, value: Any) -> Explained:
    own = next(item for item in project.documents if item.file == root.pipelines[0].file)
    full = ("conf", *path)
    shared = (
        item for item in project.documents if not {"models", "sagemakerPipeline"} & _keys(item)
    )
    document = next((item for item in (own, *shared) if full in item.positions), None)
    shown = list(value) if isinstance(value, tuple) else value
    explained = Explained(f"{root.name}.{dotted(path)}", shown, varies=False)
    if document is None:
        return replace(explained, default_of=FROM_DEPLOYMENT)
    return replace(explained, place=document.locate(full), **_origin(document, full, value))


def _keys(document: Document) -> set[str]:
    return set(_value_at(document.data, ("conf",)) or ())


def _below(row: _Row, value: Any) -> Iterator[_Row]:
    if isinstance(value, ConfigModel):
        yield from _rows(value, row.path, row.named, row.is_set)
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _below(_inside(row, key, key), item)
    elif isinstance(value, tuple) and any(isinstance(item, ConfigModel) for item in value):
        for index, item in enumerate(value):
            yield from _below(_inside(row, index, _item_name(item) or index), item)
    else:
        yield replace(row, value=value)


def _inside(row: _Row, key: str | int, name: str | int) -> _Row:
    return replace(row, path=(*row.path, key), named=(*row.named, name))


def _item_name(item: ConfigModel) -> str | None:
    fields = {field.alias or name: name for name, field in type(item).model_fields.items()}
    names = (getattr(item, fields[key]) for key in ITEM_NAMES if key in fields)
    return next((name for name in names if isinstance(name, str)), None)


def _matches(root: _Root, row: _Row, wanted: str) -> bool:
    if not wanted:
        return True
    names = (dotted(path) for path in (row.path, row.named, as_written(row.path, root.positions)))
    return any(_is_at(name, wanted) for name in names)


def _is_at(name: str, wanted: str) -> bool:
    """Return whether a value's path is the requested one, or one below it."""
    return name == wanted or name.startswith((f"{wanted}.", f"{wanted}["))


def _names(root: _Root, row: _Row) -> Iterator[str]:
    """Yield the path of a value and those above it, for near names."""
    for size in range(1, len(row.path) + 1):
        yield f"{root.name}.{dotted(row.path[:size])}"


def _explained(project: Project, root: _Root, row: _Row) -> Explained:
    path = as_written(row.path, root.positions)
    value = str(row.value) if isinstance(row.value, Reference) else row.value
    explained = Explained(
        path=f"{root.name}.{dotted(path)}",
        value=list(value) if isinstance(value, tuple) else value,
        varies=mark_of(row.owner, row.field) is not None,
        parameters=_parameters(root, value),
    )
    place = _nearest(root.positions, path)
    if place is None or not row.is_set:
        section = dotted((*root.above, *row.path[:-1]))
        return replace(explained, default_of=section)
    document = next(item for item in project.documents if item.file == place.file)
    return replace(explained, place=place, **_origin(document, (*root.above, *path), value))


def _origin(document: Document, path: Path_, value: Any) -> dict[str, Any]:
    """Return what the file has at a path: in which environment's section, with which placeholder."""
    written_at = document.written(path)
    in_section = written_at[: len(SECTION)] == SECTION
    raw = _value_at(document.data, path)
    return {
        "environment": written_at[len(SECTION)] if in_section else None,
        "written_path": dotted(written_at) if in_section else None,
        "written": raw if isinstance(raw, str) and raw != value else None,
    }


def _nearest(positions: Mapping[Path_, Location], path: Path_) -> Location | None:
    """Return the location of a path, or of the one above it that is its shorter form."""
    while path and path not in positions:
        path = path[:-1]
    return positions.get(path)


def _value_at(data: Any, path: Path_) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _parameters(root: _Root, value: Any) -> dict[str, tuple[ParameterConfig, ...]] | None:
    if not isinstance(value, str) or BEGIN not in value:
        return None
    names = names_in(value)
    return {
        pipeline.config.pipeline_name: tuple(
            item for item in pipeline.config.parameters if item.name in names
        )
        for pipeline in root.pipelines
    }


def _nothing(asked: str, path: str, roots: Iterable[str], known: list[str]) -> Problem:
    names = list(dict.fromkeys(roots))
    root = next((name for name in names if path.startswith(f"{name}.")), None)
    if root is None:
        reason = f"'{asked}' begins with no model or pipeline"
        hint = near_names(path.partition(".")[0], names)
        return Problem(reason, allowed=", ".join(names), hint=hint)
    below = [name for name in known if name.startswith(f"{root}.")]
    inside = [name.removeprefix(f"{root}.") for name in below]
    is_near = near_names(path.removeprefix(f"{root}."), inside) is not None
    hint = near_names(path, below) if is_near else f"smp explain {root} lists all there are"
    return Problem(f"there is no value '{asked}'", hint=hint)
