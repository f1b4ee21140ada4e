"""Replaces placeholders in a configuration's text: the six `SMP_` names and `${env:NAME}`.

It never takes any other text for a variable, and replaces nothing inside what it replaced. Expressions
(`${parameters.NAME}`) stay: a text that has one becomes a `Written`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from smp.config.read.yaml_tree import Document, Path_
from smp.config.values.base import EnvironmentText
from smp.definition.expressions import DOTTED, Written
from smp.errors import Problem, near_names
from smp.text.messages import shown

SMP_NAMES: Mapping[str, str] = {
    "SMP_ACCOUNTID": "${smp:account_id}",
    "SMP_REGION": "${smp:region}",
    "SMP_S3BUCKETNAME": "${smp:bucket}",
    "SMP_ROLE": "${smp:role_arn}",
    "SMP_SUBNETS": "${smp:subnets}",
    "SMP_SECURITYGROUPS": "${smp:security_group_ids}",
}
"""Each placeholder and the deploy-time name that it becomes (`smp.definition.deploy_values`)."""

LIST_NAMES: Mapping[str, str] = {
    "SMP_SUBNETS": "subnets",
    "SMP_SECURITYGROUPS": "security_groups_id",
}
"""Placeholders that stand for several values, each with the one key that takes it."""

S3_SEPARATOR = re.compile(r"(/)")
SEPARATOR = re.compile(r"(\s*,\s*|\.)")
SMP_WORD = re.compile(r"(?<![A-Za-z0-9_])SMP_[A-Z0-9_]*")
HIDDEN = "\0"
"""Stands for an expression while segments are replaced; no file can hold it."""

DOLLAR = re.compile(r"\$\{([^{}]*)\}")
VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
SECRET = re.compile(
    r"(^|_)(SECRETS?|TOKEN|PASSWORD|PASSWD|CREDENTIALS?|(ACCESS|PRIVATE|API)_?KEY)(_|$)",
    re.IGNORECASE,
)
FOREIGN = {
    "${smp:": "names of deploy-time values are not written by hand",
    "${Token[": "it would be taken for a token of the CDK",
    "{{resolve:": "CloudFormation would put a secret or parameter in its place",
}


@dataclass(frozen=True)
class Resolved:
    """A document's data with its placeholders replaced, and what was wrong with them."""

    data: Any
    problems: tuple[Problem, ...]
    unset: tuple[Problem, ...] = ()
    """Those of the problems that are environment variables without a value."""


def resolve_placeholders(document: Document, environ: Mapping[str, str]) -> Resolved:
    """Return the document's data with every placeholder replaced."""
    resolution = _Resolution(document, environ)
    data = resolution.value(document.data, ())
    return Resolved(data, tuple(resolution.problems), tuple(resolution.unset))


def _alternate(texts: list[str], between: list[str]) -> Iterator[str]:
    """Yield the texts with one of `between` after each but the last."""
    for index, text in enumerate(texts):
        yield text
        yield from between[index : index + 1]


@dataclass
class _Resolution:
    document: Document
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    unset: list[Problem] = field(default_factory=list)

    def value(self, value: Any, path: Path_) -> Any:
        """Return a copy of `value` with its placeholders replaced."""
        if isinstance(value, dict):
            for name in value:
                self._check_key(name, (*path, name))
            return {name: self.value(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and ("SMP_" in value or "{" in value):
            return self._text(value, path)
        return value

    def _check_key(self, name: str, path: Path_) -> None:
        if name in SMP_NAMES:
            self._report(path, "placeholders are not replaced in keys", name)
        elif DOTTED.search(name):
            self._report(path, "expressions are not evaluated in keys", name)
        elif "{" in name:
            self._is_foreign(name, path)

    def _text(self, text: str, path: Path_) -> str | Written:
        if self._is_foreign(text, path):
            return text
        expressions = [match[0] for match in DOTTED.finditer(text)]
        if expressions:
            replaced = self._segments(DOTTED.sub(HIDDEN, text), text, path)
            return Written("".join(_alternate(replaced.split(HIDDEN), expressions)))
        replaced = self._segments(text, text, path)
        return EnvironmentText(replaced) if DOLLAR.fullmatch(text) else replaced

    def _segments(self, hidden: str, text: str, path: Path_) -> str:
        """Return the text with its segments replaced; in `hidden` its expressions have no dots."""
        parts = (S3_SEPARATOR if text.startswith("s3://") else SEPARATOR).split(hidden)
        parts[::2] = [self._segment(part, text, path) for part in parts[::2]]
        return "".join(parts)

    def _segment(self, segment: str, text: str, path: Path_) -> str:
        word = segment.strip()
        if word in SMP_NAMES:
            self._check_list_name(word, text, path)
            return SMP_NAMES[word]
        written = None if any(map(str.isspace, word)) else SMP_WORD.search(word)
        if written:
            self._report_smp_word(written[0], text, path)
        return DOLLAR.sub(lambda match: self._variable(match, text, path), segment)

    def _check_list_name(self, name: str, text: str, path: Path_) -> None:
        key = LIST_NAMES.get(name)
        if key is None:
            return
        parent = path[:-1] if isinstance(path[-1], int) else path
        if parent[1:] != ("sagemakerNetworkSecurity", key):
            self._report(path, f"{name} stands for several values: it goes into '{key}' only", text)
        elif text.strip() != name or self._has_neighbours(parent):
            self._report(path, f"{name} is a whole list: it must be the only value", text)

    def _has_neighbours(self, path: Path_) -> bool:
        return (*path, 1) in self.document.positions

    def _report_smp_word(self, word: str, text: str, path: Path_) -> None:
        if word in SMP_NAMES:
            reason = f"{word} is replaced only as a whole segment"
            allowed = (
                "between '/' in a value that starts with 's3://', between '.' or ',' elsewhere"
            )
            self._report(path, reason, text, allowed)
        else:
            hint = near_names(word, SMP_NAMES) or "other variables are written ${env:NAME}"
            reason = f"unknown placeholder {word}"
            self._report(path, reason, text, ", ".join(SMP_NAMES), hint)

    def _variable(self, match: re.Match[str], text: str, path: Path_) -> str:
        inside = match[1]
        variable = VARIABLE.fullmatch(inside)
        if variable is None:
            if ":" in inside:
                self._report(path, f"unknown placeholder {shown(match[0])}", text, "${env:NAME}")
            return match[0]
        name = variable[1]
        if SECRET.search(name):
            reason = f"the environment variable {name} looks like a secret"
            hint = "a pipeline's definition is not a place for secrets: let the script fetch it"
            self._report(path, reason, text, None, hint)
        elif name not in self.environ:
            hint = "set it, or write the value into the file"
            self._report(path, f"the environment variable {name} is not set", text, None, hint)
            self.unset.append(self.problems[-1])
        elif DOTTED.search(self.environ[name]):
            reason = f"the environment variable {name} holds an expression"
            hint = "write expressions into the file, where a reader finds them"
            self._report(path, reason, text, None, hint)
        elif not self._is_foreign(self.environ[name], path):
            return self.environ[name]
        return match[0]

    def _is_foreign(self, text: str, path: Path_) -> bool:
        for mark, reason in FOREIGN.items():
            if mark in text:
                self._report(path, f"'{mark}' is not allowed in a configuration: {reason}", text)
                return True
        return False

    def _report(
        self,
        path: Path_,
        reason: str,
        found: str,
        allowed: str | None = None,
        hint: str | None = None,
    ) -> None:
        location = self.document.locate(path)
        self.problems.append(
            Problem(reason, location, self.document.name_of(path), shown(found), allowed, hint)
        )
