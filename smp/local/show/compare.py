"""What differs between two runs: parameters, inputs, code, definition, metrics, durations.

It compares what was asked for, not the names that each run gave its jobs and objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from smp.definition.compiled import CodeTree, CompiledPipeline, Json
from smp.definition.differences import (
    MISSING,
    differences,
    name_changed_trees,
    own_settings,
    trees_by_origin,
)
from smp.local.show.commands import parameter_text, shown_state
from smp.local.show.results import all_metrics
from smp.local.show.text import clean_table, run_fields
from smp.local.store.places import Places
from smp.local.store.run_store import Run
from smp.local.store.step_data import StepData
from smp.text.human import counted, duration, number, size

SIDES = ("before", "after")
SHORT_HASH = 12
ABSENT = "-"


def comparison(before: Run, after: Run, places: Places) -> dict[str, Any]:
    """Return the differences; metrics and durations are listed even where they are equal."""
    compiled = before.unrolled(places.code), after.unrolled(places.code)
    metrics = [
        all_metrics(pipeline, list(run.steps()), StepData(pipeline, places))
        for pipeline, run in zip(compiled, (before, after), strict=True)
    ]
    parameters = before.record().parameters, after.record().parameters
    return {
        "runs": [run_fields(before), run_fields(after)],
        "parameters": list(_differences(*parameters)),
        "inputs": list(_input_changes(before, after)),
        "code": list(code_changes(*compiled)),
        "definition": list(definition_changes(*compiled)),
        "metrics": list(_metric_pairs(*metrics)),
        "durations": list(_durations(before, after)),
    }


def compare_runs(before: Run, after: Run, places: Places) -> str:
    """Return the differences as a person reads them."""
    fields = comparison(before, after, places)
    heads = [
        [key, *(str(run[key]) for run in fields["runs"])]
        for key in ("id", "pipeline", "status", "started")
    ]
    took = ["took", *(duration(run["seconds"]) for run in fields["runs"])]
    sections = {
        "parameters": _rows(fields["parameters"], ("name",), parameter_text),
        "inputs": _rows(fields["inputs"], ("step", "name"), _shown_input),
        "code": list(_code_rows(fields["code"])),
        "definition": _rows(fields["definition"], ("step", "name"), str),
        "metrics": _metric_rows(fields["metrics"]),
        "durations": _duration_rows(fields["durations"]),
    }
    text = clean_table([["", "before", "after"], *heads, took])
    for title, rows in sections.items():
        text += f"\n{title}\n" + (clean_table(rows) if rows else "  no difference\n")
    return text


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield {"name": name, "before": before.get(name), "after": after.get(name)}


def _input_changes(before: Run, after: Run) -> Iterator[dict[str, Any]]:
    """Yield each input of a step of both runs that had other content, wherever it lay."""
    for name in before.record().steps:
        steps = before.step(name), after.step(name)
        if None in steps:
            continue
        then, now = ({item["name"]: item for item in step.inputs} for step in steps if step)
        for key in dict.fromkeys((*then, *now)):
            old, new = then.get(key), now.get(key)
            if _content(old) != _content(new):
                yield {"step": name, "name": key, "before": old, "after": new}


def _content(item: Mapping[str, Any] | None) -> Any:
    return item and (item["files"], item["sha256"] or item["listing"])


def _shown_input(item: Mapping[str, Any]) -> str:
    found = f"{counted(item['files'], 'file')}, {size(item['size'])}"
    return f"{found}, {item['sha256'][:SHORT_HASH]}" if item["sha256"] else found


def code_changes(before: CompiledPipeline, after: CompiledPipeline) -> Iterator[dict[str, Any]]:
    """Yield each origin whose trees differ, with the files that do."""
    then, now = trees_by_origin(before.local_code()), trees_by_origin(after.local_code())
    for origin in dict.fromkeys((*then, *now)):
        old, new = then.get(origin, ()), now.get(origin, ())
        hashes = [sorted(tree.sha256 for tree in trees) for trees in (old, new)]
        if hashes[0] != hashes[1]:
            yield {
                "name": origin,
                "before": hashes[0],
                "after": hashes[1],
                "files": list(_differences(_file_hashes(old), _file_hashes(new))),
            }


def _file_hashes(trees: Iterable[CodeTree]) -> dict[str, str]:
    return {file.path: file.sha256 for tree in trees for file in tree.files}


def definition_changes(
    before: CompiledPipeline, after: CompiledPipeline
) -> Iterator[dict[str, Any]]:
    then, now = _own_settings(before, before, after), _own_settings(after, before, after)
    for step in dict.fromkeys((*then, *now)):
        if step in then and step in now:
            for change in differences(then[step], now[step]):
                sides = (
                    None if side is MISSING else side for side in (change.before, change.after)
                )
                yield {"step": step, "name": change.name, **dict(zip(SIDES, sides, strict=True))}
        else:
            present = "the step is there"
            yield {
                "step": step,
                "name": "",
                "before": present if step in then else None,
                "after": present if step in now else None,
            }


def _own_settings(
    compiled: CompiledPipeline, before: CompiledPipeline, after: CompiledPipeline
) -> dict[str, Json]:
    """Return each step's own settings, with the origin in place of a changed tree's hash."""
    return {
        step["Name"]: name_changed_trees(own_settings(step), before.code, after.code)
        for step in compiled.steps()
    }


def _metric_pairs(
    before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]]
) -> Iterator[dict[str, Any]]:
    for step in dict.fromkeys((*before, *after)):
        old, new = before.get(step, {}), after.get(step, {})
        for name in dict.fromkeys((*old, *new)):
            pair = {"step": step, "name": name, "before": old.get(name), "after": new.get(name)}
            both = name in old and name in new
            yield {**pair, "difference": new[name] - old[name] if both else None}


def _durations(before: Run, after: Run) -> Iterator[dict[str, Any]]:
    then, now = before.standing(), after.standing()
    for name in dict.fromkeys((*then.steps, *now.steps)):
        old, new = then.seen(before.step(name)), now.seen(after.step(name))
        yield {
            "step": name,
            "before": old.seconds if old else None,
            "after": new.seconds if new else None,
            "states": [shown_state(old), shown_state(new)],
        }


def _rows(
    items: Sequence[Mapping[str, Any]], keys: Sequence[str], write: Callable[[Any], str]
) -> list[list[str]]:
    def shown(value: Any) -> str:
        return ABSENT if value is None else write(value)

    head = [*keys, "before", "after"]
    rows = [
        [*(str(item[key]) for key in keys), shown(item["before"]), shown(item["after"])]
        for item in items
    ]
    return [head, *rows] if rows else []


def _code_rows(items: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    if items:
        yield ["name", "before", "after"]
    for item in items:
        yield [item["name"], *(_short(item[side]) for side in SIDES)]
        for file in item["files"]:
            hashes = ([file[side]] if file[side] else [] for side in SIDES)
            yield [f"  {file['name']}", *map(_short, hashes)]


def _short(hashes: Sequence[str]) -> str:
    return ", ".join(value[:SHORT_HASH] for value in hashes) or ABSENT


def _metric_rows(items: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = _rows(items, ("step", "name"), number)
    for row, item in zip(rows, [None, *items], strict=False):
        if item is None:
            row.append("difference")
        else:
            change = item["difference"]
            row.append(ABSENT if change is None else f"{change:+.3g}" if change else "=")
    return rows


def _duration_rows(items: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = _rows(items, ("step",), duration)
    for row, item in zip(rows[1:], items, strict=True):
        for column, state in enumerate(item["states"], start=1):
            row[column] = f"{row[column]} {state.lower()}"
    return rows
