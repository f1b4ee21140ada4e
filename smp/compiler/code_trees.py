"""Packs the source directory of a model, and its local stand-ins, as code trees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from smp.config.project import STAND_INS, Model
from smp.definition.code.shipped_files import IGNORE_FILE
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CodeTree, StandIn
from smp.errors import Problem, ScriptError
from smp.text.messages import dotted


def code_tree(model: Model, store: CodeStore) -> CodeTree:
    """Pack what a model ships: its source directory without local stand-ins.

    Raises ScriptError, also where a script is left out of it.
    """
    shipped = {place: _normal(path) for place, path in model.config.scripts.items()}
    stand_ins = {shipped.pop(place) for place in STAND_INS if place in shipped}
    without = frozenset(stand_ins - set(shipped.values()))
    tree = store.add_directory(model.source_directory, _origin(model), model.directory, without)
    _check_packed(model, shipped, tree)
    return tree


def stand_in_of(model: Model, section: str, store: CodeStore) -> StandIn | None:
    """Pack a model's whole source directory for a section's local stand-in; None where it names none."""
    place = (section, "local_stand_in")
    script = model.config.scripts.get(place)
    if script is None:
        return None
    stand_in = step_stand_in(model, script, store)
    _check_packed(model, {place: stand_in.script}, stand_in.code)
    return stand_in


def step_stand_in(model: Model, script: str, store: CodeStore) -> StandIn:
    """Pack a model's whole source directory for one of its scripts that is a stand-in."""
    return StandIn(_normal(script), whole_tree(model, store))


def whole_tree(model: Model, store: CodeStore) -> CodeTree:
    """Pack a model's whole source directory."""
    origin = f"{_origin(model)} (local stand-in)"
    return store.add_directory(model.source_directory, origin, model.directory)


def _normal(path: str) -> str:
    return PurePosixPath(path).as_posix()


def _origin(model: Model) -> str:
    inside = model.source_directory.relative_to(model.directory)
    return (PurePosixPath(model.directory_name) / inside).as_posix()


def _check_packed(model: Model, scripts: Mapping[tuple[str, str], str], tree: CodeTree) -> None:
    packed = {file.path for file in tree.files}
    missing = [
        Problem(
            "is left out of what the jobs get",
            model.locate(*place),
            dotted(("conf", "models", model.name, *place)),
            repr(model.config.scripts[place]),
            hint=f"rename it, or take it out of {IGNORE_FILE}",
        )
        for place, script in scripts.items()
        if script not in packed
    ]
    if missing:
        raise ScriptError(missing)
