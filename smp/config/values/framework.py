"""The keys of a file that are about a whole project: its name, bucket, role, key and network.

In a file with a pipeline they are for that pipeline; in a file with neither a model nor a pipeline
they are for every pipeline that does not set them itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smp.config.project import Conf, NetworkSecurity
from smp.config.read.yaml_tree import Document, Path_
from smp.errors import Location, Problem
from smp.text.messages import dotted, shown

NETWORK = "sagemakerNetworkSecurity"
PROJECT_NAME_PATHS: tuple[Path_, ...] = (("conf", "projectName"), ("conf", "models", "projectName"))
WITHOUT_EFFECT: tuple[Path_, ...] = (("conf", "applicationName"), ("conf", "models", "modelName"))


@dataclass(frozen=True)
class ConfigFile:
    """One file as read; `conf` is None where it has a problem of its own."""

    path: Path
    directory: Path
    """The model directory that it belongs to, links followed."""
    directory_name: str
    """What the workspace calls that directory, which may be a link to it."""
    document: Document
    conf: Conf | None

    @property
    def is_framework(self) -> bool:
        """Tell whether it holds neither a model nor a pipeline."""
        return self.conf is not None and not self.conf.models.parts and self.conf.pipeline is None


@dataclass(frozen=True)
class Setting:
    """The value of one framework key and where it was written."""

    value: Any
    path: Path_
    place: Location


Settings = dict[str, Setting]


def settings_of(file: ConfigFile, problems: list[Problem]) -> Settings:
    """Return the framework keys of a valid file: `project_name`, `s3_bucket`, `network.role`, …"""
    settings: Settings = {}
    for key, value, path in _written_settings(file):
        setting = Setting(value, path, file.document.locate(path))
        first = settings.setdefault(key, setting)
        if first.value != value:
            problems.append(_conflict(first, setting))
    return settings


def shared_settings(files: Iterable[ConfigFile], problems: list[Problem]) -> Settings:
    """Return the framework keys of the files that are for every pipeline."""
    shared: Settings = {}
    for file in files:
        for key, setting in settings_of(file, problems).items():
            first = shared.setdefault(key, setting)
            if first is not setting:
                problems.append(_conflict(first, setting))
    return shared


def network_of(settings: Settings) -> NetworkSecurity:
    """Return the network and security settings among framework keys."""
    values = {
        key.removeprefix("network."): setting.value
        for key, setting in settings.items()
        if key.startswith("network.")
    }
    return NetworkSecurity.model_construct(**values)


def without_effect(file: ConfigFile) -> Iterator[Problem]:
    """Yield a note for each key that is accepted for the public files' sake and does nothing."""
    for path in WITHOUT_EFFECT:
        if path in file.document.positions and _value_at(file.document.data, path) is not None:
            found = shown(_value_at(file.document.data, path))
            yield Problem("has no effect here", file.document.locate(path), dotted(path), found)


def misplaced(file: ConfigFile) -> Iterator[Problem]:
    """Yield a problem for each framework key of a file that has models but no pipeline."""
    for setting in settings_of(file, []).values():
        yield Problem(
            "is about a pipeline, and this file has models but no 'sagemakerPipeline' section",
            setting.place,
            dotted(setting.path),
            shown(_value_at(file.document.data, setting.path)),
            None,
            "move it to the pipeline's file or, for all pipelines, to a file without models",
        )


def _written_settings(file: ConfigFile) -> Iterator[tuple[str, Any, Path_]]:
    conf = file.conf
    assert conf is not None, "only valid files have settings"
    names = (conf.project_name, conf.models.project_name)
    for name, path in zip(names, PROJECT_NAME_PATHS, strict=True):
        if name is not None:
            yield "project_name", name, path
    if conf.s3_bucket is not None:
        yield "s3_bucket", conf.s3_bucket, ("conf", "s3Bucket")
    if conf.network is not None:
        for key in sorted(conf.network.model_fields_set):
            yield f"network.{key}", getattr(conf.network, key), ("conf", NETWORK, key)


def _conflict(first: Setting, second: Setting) -> Problem:
    reason = f"is set twice: first at {first.place}"
    return Problem(reason, second.place, dotted(second.path), shown(second.value), None, "keep one")


def _value_at(data: Any, path: Path_) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data
