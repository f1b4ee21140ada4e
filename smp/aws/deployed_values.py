"""Turns what a deployment put in back into deploy-time names: `s3://data-1a2b/x`, `s3://${smp:bucket}/x`.

What it cannot recognize it leaves as it is, so that a comparison shows it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smp.definition import deploy_values
from smp.definition.compiled import CompiledPipeline, Json, nested_steps
from smp.definition.deploy_values import (
    FUNCTION_PREFIX,
    IMAGE_PREFIX,
    PATTERN,
    names_in,
    substitute,
)
from smp.definition.functions import FUNCTIONS
from smp.definition.permissions.access import KEY_KEYS, ROLE_KEYS

CODE_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]+)/code/[0-9a-f]{64}(?![0-9a-f])")
EXECUTIONS_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]+)/(?:executions|models)(?:/|$)")

VPC_LISTS = {
    "Subnets": "subnets",
    "subnetIds": "subnets",
    "SecurityGroupIds": "security_group_ids",
    "securityGroupIds": "security_group_ids",
}
"""The keys of requests that contain subnets and security groups."""

Place = tuple[Hashable, ...]
"""The keys and indexes above a value; a step of a list is given by its name."""


@dataclass(frozen=True)
class Values:
    """What a deployment put in the place of each deploy-time name; None or empty where it used none."""

    account_id: str
    region: str
    bucket: str | None = None
    role_arn: str | None = None
    kms_key_arn: str | None = None
    subnets: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    """URI by the name of the image."""
    functions: Mapping[str, str] = field(default_factory=dict)
    """ARN by the name of the function that was deployed with the pipeline."""

    def of(self, name: str) -> str | list[str]:
        """Return the value of a deploy-time name; raises KeyError for one without."""
        if name.startswith(IMAGE_PREFIX):
            return self.images[name.removeprefix(IMAGE_PREFIX)]
        if name.startswith(FUNCTION_PREFIX):
            return self.functions[name.removeprefix(FUNCTION_PREFIX)]
        value = self._of_region(name) or getattr(self, name, None)
        if not value:
            raise KeyError(name)
        return list(value) if isinstance(value, tuple) else str(value)

    def _of_region(self, name: str) -> str | None:
        china = self.region.startswith("cn-")
        government = self.region.startswith("us-gov-")
        values = {
            "partition": "aws-cn" if china else "aws-us-gov" if government else "aws",
            "url_suffix": "amazonaws.com.cn" if china else "amazonaws.com",
        }
        return values.get(name)


def find_values(
    definition: Json, account_id: str, region: str, known: Iterable[CompiledPipeline] = ()
) -> Values:
    """Read the values off a deployed definition: each is the one that its place has most often.

    The bucket is the one with the code, the role and the key are those of the jobs. `known` has
    the names of images.
    """
    leaves = list(_leaves(definition))
    texts = [text for _, text in leaves]
    lists = list(_lists(definition))
    return Values(
        account_id,
        region,
        bucket=_bucket(texts),
        role_arn=_most(t for place, t in leaves if place and place[-1] in ROLE_KEYS),
        kms_key_arn=_most(t for place, t in leaves if place and place[-1] in KEY_KEYS),
        subnets=_most(v for key, v in lists if VPC_LISTS[key] == "subnets") or (),
        security_group_ids=_most(v for key, v in lists if VPC_LISTS[key] == "security_group_ids")
        or (),
        images={
            name: by_region[region]
            for pipeline in known
            for name, by_region in pipeline.images.items()
            if region in by_region
        },
        functions=_functions(definition),
    )


def restore_placeholders(
    name: str, definition: Json, values: Values, known: Iterable[CompiledPipeline] = ()
) -> Json:
    """Return the definition with deploy-time names in the place of the values.

    If `known` has a text that would be deployed as this one, that text is used: first the one at the
    same place of the pipeline of that name. So what a config spells out, such as a region, stays.
    """
    turned: Json = _Restoring(values, known).turn(definition, (name,))
    return turned


def turn_text_back(text: str, values: Values) -> str:
    """Return a text with deploy-time names in place of their values."""
    return _by_rule(text, values)


class _Restoring:
    def __init__(self, values: Values, known: Iterable[CompiledPipeline]) -> None:
        self._values = values
        self._at: dict[tuple[Place, str], str] = {}
        self._anywhere: dict[str, set[str]] = {}
        self._lists: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
        for pipeline in known:
            self._learn(pipeline)

    def _learn(self, pipeline: CompiledPipeline) -> None:
        for place, text in _leaves(pipeline.definition):
            try:
                deployed = substitute(text, self._values.of)
            except (KeyError, TypeError):
                continue
            self._at[(pipeline.name, *place), deployed] = text
            self._anywhere.setdefault(deployed, set()).add(text)
        for _, items in _lists(pipeline.definition):
            if not names_in(list(items)):
                self._lists.setdefault(items, set()).add(items)

    def turn(self, value: Any, place: Place) -> Any:
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, dict):
            return {key: self._member(key, item, place) for key, item in value.items()}
        if isinstance(value, list):
            return [self.turn(item, (*place, _step(item, i))) for i, item in enumerate(value)]
        return value

    def _member(self, key: str, value: Any, place: Place) -> Any:
        name = VPC_LISTS.get(key)
        if (
            name
            and isinstance(value, list)
            and value
            and value == list(getattr(self._values, name))
        ):
            if tuple(value) in self._lists:
                return value
            return [f"${{smp:{name}}}"]
        return self.turn(value, (*place, key))

    def _text(self, text: str, place: Place) -> str:
        if PATTERN.search(text):
            return text
        if (place, text) in self._at:
            return self._at[place, text]
        candidates = self._anywhere.get(text, set())
        if len(candidates) == 1:
            return next(iter(candidates))
        return _by_rule(text, self._values)


def _by_rule(text: str, values: Values) -> str:
    for name in ("role_arn", "kms_key_arn"):
        if text == getattr(values, name):
            return f"${{smp:{name}}}"
    for function, arn in values.functions.items():
        if text == arn:
            return deploy_values.function(function)
    for image, uri in values.images.items():
        if text == uri:
            return deploy_values.image(image)
    if values.bucket:
        bucket = re.escape(values.bucket)
        text = re.sub(rf"(?<=s3://){bucket}(?=$|[/\s\"',])", deploy_values.BUCKET, text)
        text = re.sub(rf"(?:^|(?<=[/,\s\"'])){bucket}(?=$|[/,\s\"'])", deploy_values.BUCKET, text)
    if not text.startswith("arn:"):
        text = _segment(values.account_id).sub(deploy_values.ACCOUNT_ID, text)
        text = _segment(values.region).sub(deploy_values.REGION, text)
    return text


def _functions(definition: Json) -> dict[str, str]:
    """Return the functions that were deployed with the pipeline, by what their steps give and get."""
    steps = list(nested_steps(definition["Steps"]))
    found = {
        name: _most(step["FunctionArn"] for step in steps if one.may_be_called_by(step))
        for name, one in FUNCTIONS.items()
    }
    return {name: arn for name, arn in found.items() if arn}


def _segment(value: str) -> re.Pattern[str]:
    """Match a value between separators, as a placeholder in a config is."""
    return re.compile(rf"(?:^|(?<=[/.,\s\"'])){re.escape(value)}(?=$|[/.,\s\"'])")


def _bucket(texts: Sequence[str]) -> str | None:
    for pattern in (CODE_URI, EXECUTIONS_URI):
        found: str | None = _most(m["bucket"] for text in texts for m in pattern.finditer(text))
        if found:
            return found
    return None


def _most(values: Iterable[Any]) -> Any:
    """Return the most frequent value, the first of several; None where there is none."""
    counted = Counter(value for value in values if value).most_common(1)
    return counted[0][0] if counted else None


def _leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*place, _step(item, index)))


def _lists(value: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the key and the items of each list of subnets or security groups."""
    if isinstance(value, dict):
        for key, item in value.items():
            if (
                key in VPC_LISTS
                and isinstance(item, list)
                and all(isinstance(i, str) for i in item)
            ):
                yield key, tuple(item)
            else:
                yield from _lists(item)
    elif isinstance(value, list):
        for item in value:
            yield from _lists(item)


def _step(item: Any, index: int) -> Hashable:
    named = isinstance(item, dict) and "Type" in item and isinstance(item.get("Name"), str)
    return str(item["Name"]) if named else index
