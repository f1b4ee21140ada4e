"""Which steps the next execution runs again and why, and which take an earlier result.

By the service's rule in `smp.definition.step_types`, given that the latest execution was of the base and
succeeded. It never looks at contents in S3, as the service does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from smp.definition.compiled import CURRENT_ITEM, CompiledPipeline, Json
from smp.definition.differences import differences, name_changed_trees, same
from smp.definition.language import (
    expressions_in,
    filled,
    path_parts,
    property_file_of,
    reference_of,
    steps_read,
)
from smp.definition.step_types import FOR_EACH, key_attributes, row_named
from smp.review.diff.changes import Outcome, Prediction, Section
from smp.review.diff.code import trees_of
from smp.review.diff.sections import step_setting

LASTING = frozenset({"PipelineName", "PipelineArn"})
"""What of `Execution.…` is the same in every execution."""

NEW = "the step is new"
UNDOCUMENTED = "what a cached result of it depends on is not documented"
"""For a type that accepts a CacheConfig but is not in the guide's list of what counts."""
EACH_ITEM = "once for each item of"
ITEMS = "the items of"
IN_A_BRANCH = "if its condition takes the branch"


def forecast(
    before: CompiledPipeline | None, after: CompiledPipeline | None
) -> tuple[Prediction, ...]:
    """Return what the next execution of `after` does with each step, in the order in which they run."""
    if after is None:
        return ()
    found = _Forecast(before, after).predictions()
    unchanged = _Forecast(after, after).predictions() if before else {}
    return tuple(_with_cause(p, unchanged.get(name)) for name, p in found.items())


def _with_cause(found: Prediction, unchanged: Prediction | None) -> Prediction:
    """Mark a step that would run without any change too, for the reasons that it has then."""
    if unchanged is None or unchanged.outcome is Outcome.HITS or NEW in found.reasons:
        return found
    if unchanged.outcome is Outcome.RUNS or found.outcome is unchanged.outcome:
        return replace(unchanged, anyway=True)
    return found


def _is_cached(step: Json) -> bool:
    return bool((step.get("CacheConfig") or {}).get("Enabled"))


@dataclass
class _Forecast:
    before: CompiledPipeline | None
    after: CompiledPipeline
    _found: dict[str, Prediction] = field(default_factory=dict)

    def predictions(self) -> dict[str, Prediction]:
        self._steps = {step["Name"]: step for step in self.after.steps()}
        old = self.before.steps() if self.before else ()
        self._old = {step["Name"]: step for step in old}
        self._defaults = _defaults(self.after), _defaults(self.before)
        top = {step["Name"] for step in self.after.definition["Steps"]}
        inside = self._steps.keys() - top
        self._loops = {
            inner["Name"]: step
            for step in self._steps.values()
            if step["Type"] == FOR_EACH.name
            for inner in step["Arguments"]["ForEachBody"]
        }
        for name in self.after.order():
            found = self._predict(self._steps[name])
            branch = (IN_A_BRANCH,) if name in inside and name not in self._loops else ()
            loop = (f"{EACH_ITEM} {self._loops[name]['Name']}",) if name in self._loops else ()
            self._found[name] = replace(found, reasons=(*found.reasons, *branch, *loop))
        return self._found

    def _predict(self, step: Json) -> Prediction:
        kind = step["Type"]
        reasons = list(self._certain(step))
        if reasons == [f"{kind} steps are never cached"] and _is_cached(step):
            return Prediction(step["Name"], kind, Outcome.MAY_RUN, (UNDOCUMENTED,))
        if reasons:
            return Prediction(step["Name"], kind, Outcome.RUNS, tuple(reasons))
        key = key_attributes(kind, step.get("Arguments", {}))
        certain = [*dict.fromkeys(self._read_anew(key)), *self._other_items(step, key)]
        if certain:
            maybe = all(reason.startswith(("the report", ITEMS)) for reason in certain)
            outcome = Outcome.MAY_RUN if maybe else Outcome.RUNS
            return Prediction(step["Name"], kind, outcome, tuple(certain))
        return Prediction(step["Name"], kind, Outcome.HITS, tuple(self._hit_notes(step, key)))

    def _other_items(self, step: Json, key: Json) -> Iterator[str]:
        """Yield why iterations of a step may run: its loop's items may be others than the last time."""
        loop = self._loops.get(step["Name"])
        if loop is None or CURRENT_ITEM not in json.dumps(key):
            return
        old = self._old.get(loop["Name"], {}).get("Arguments", {}).get("IterableItems")
        items = loop["Arguments"]["IterableItems"]
        if not isinstance(items, list) or not same(old, items):
            yield f"{ITEMS} {loop['Name']} may be others"

    def _certain(self, step: Json) -> Iterator[str]:
        """Yield why the step runs whatever the steps before it do."""
        kind, old = step["Type"], self._old.get(step["Name"])
        if self.before is None:
            yield "the pipeline is new"
        elif old is None or old["Type"] != kind:
            yield NEW
        elif not row_named(kind).cached_by:
            yield f"{kind} steps are never cached"
        elif not _is_cached(step):
            yield "caching is not enabled"
        else:
            yield from self._changed(step, old, self.before)

    def _changed(self, step: Json, old: Json, before: CompiledPipeline) -> Iterator[str]:
        """Yield its own settings that count and differ, code first."""
        used = [
            _counting(trees_of(_only_key(s), p)) for s, p in ((old, before), (step, self.after))
        ]
        new_defaults, old_defaults = self._defaults
        sides = [
            name_changed_trees(filled(_only_key(s), defaults), before.code, self.after.code)
            for s, defaults in ((old, old_defaults), (step, new_defaults))
        ]
        parts = [str(Section.CODE)] if used[0] != used[1] else []
        for found in differences(sides[0], sides[1]):
            change = step_setting(found, step["Type"])
            parts.append(change.name if change.section is Section.OTHER else str(change.section))
        if parts:
            yield f"changed: {', '.join(dict.fromkeys(parts))}"

    def _read_anew(self, value: Any) -> Iterator[str]:
        """Yield each reason why an expression in a value has another value than the last time."""
        for expression in expressions_in(value):
            if "Std:JsonGet" in expression:
                step, name = property_file_of(expression["Std:JsonGet"])
                yield from self._reference("Steps", f"{step}.PropertyFiles.{name}")
            yield from self._reference(*reference_of(expression))

    def _reference(self, scope: str, rest: str) -> Iterator[str]:
        if scope == "Execution" and rest not in LASTING:
            yield f"holds {scope}.{rest}, another one each time"
        if scope != "Steps":
            return
        name, _, path = rest.partition(".")
        source = self._found.get(name)
        if source is None or source.outcome is Outcome.HITS or self._keeps_address(name, path):
            return
        if path.startswith("PropertyFiles"):
            yield f"the report of {name}, which {source.outcome}, may contain other values"
        else:
            how = "runs each time" if not row_named(source.type).cached_by else source.outcome
            yield f"reads {name}, which {how}"

    def _keeps_address(self, name: str, path: str) -> bool:
        """Whether what is read of a step is an argument that it gets as it got it the last time."""
        found, now = _lookup(self._steps[name].get("Arguments", {}), path)
        _, then = _lookup(self._old.get(name, {}).get("Arguments", {}), path)
        new_defaults, old_defaults = self._defaults
        stays = same(filled(then, old_defaults), filled(now, new_defaults))
        return found and stays and not list(self._read_anew(now))

    def _hit_notes(self, step: Json, key: Json) -> Iterator[str]:
        limit = (step.get("CacheConfig") or {}).get("ExpireAfter")
        yield f"unless the result is older than {limit}" if limit else "whatever its age"
        ignored = self._ignored(step)
        if ignored:
            yield f"the new {', '.join(ignored)} count from the next run on"
        for name in sorted({*steps_read(key)}):
            source = self._found.get(name)
            if source is not None and source.outcome is not Outcome.HITS:
                yield (
                    f"though {name}, whose output it reads, {source.outcome}: the output keeps its"
                    " address, and the service does not notice new content"
                )

    def _ignored(self, step: Json) -> list[str]:
        """Return what changed of a step that hits: it has no effect until the step runs."""
        old = self._old.get(step["Name"], {})
        found = differences(old.get("Arguments", {}), step.get("Arguments", {}))
        return list(dict.fromkeys(str(step_setting(f, step["Type"]).section) for f in found))


def _only_key(step: Json) -> Json:
    """Return a step with nothing but the arguments that count for its cache."""
    key = key_attributes(step["Type"], step.get("Arguments", {}))
    return {"Name": step["Name"], "Type": step["Type"], "Arguments": key}


def _counting(trees: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(sha256 for hashes in trees.values() for sha256 in hashes)


def _defaults(pipeline: CompiledPipeline | None) -> Json:
    parameters = pipeline.definition.get("Parameters") or [] if pipeline else []
    return {item["Name"]: item.get("DefaultValue") for item in parameters}


def _lookup(arguments: Any, path: str) -> tuple[bool, Any]:
    """Return whether a path of a Describe answer is an argument of the request too, and its value."""
    value = arguments
    for key in path_parts(path):
        if isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        elif isinstance(value, list):
            value = next((i for i in value if isinstance(i, dict) and key in i.values()), None)
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return False, None
        if value is None:
            return False, None
    return True, value
