"""Policy checks of those stacks alone that changed since they passed.

Only that a stack passed is kept. One with a finding is checked each time, so that it is shown each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import aws_cdk as cdk
import jsii
from constructs import IConstruct

from smp.compiler.cache.fingerprint import digest, entry_content, installation_lines
from smp.text.atomic_file import write_atomically

if TYPE_CHECKING:
    from cdk_nag import AwsSolutionsChecks

Stacks = Sequence[cdk.PolicyValidationStack]
Reports = list[cdk.PolicyValidationPluginReport]
Check = Callable[[IConstruct, Stacks], Reports]
"""Checks some stacks of an app."""

NAG_NAME = "AwsSolutions"
VALIDATION_NAME = "CloudFormation Validate"
"""Names of the plugins: a finding is acknowledged and reported under them. A test compares them."""

TREE_FILE = "tree.json"
TEMPLATE_SUFFIX = ".template.json"
METADATA_SUFFIX = ".metadata.json"
SHORT_HASH = 12
CONTENT_HASH = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{12})(?![0-9a-f])")
"""The address of a code tree or an asset, or its first digits in a line about a step."""

RULES = Path(__file__).with_name("policy_checks.py")
"""The rules also depend on the versions of packages."""


class Checks(Protocol):
    """What checks stacks; asked for when the first changed stack is checked."""

    @property
    def nag(self) -> AwsSolutionsChecks: ...

    @property
    def validation(self) -> cdk.CloudFormationValidatePlugin: ...


def changed_stacks_only(checks: Checks, kept: Path) -> list[cdk.IPolicyValidationPlugin]:
    """Return plugins that report under the names of the two; `kept` is the file of what passed."""

    def check_resources(app: IConstruct, stacks: Stacks) -> Reports:
        paths = [stack.stack_construct_path for stack in stacks]
        return [checks.nag.validate_scope(_lineage(app, path)[-1]) for path in paths]

    def check_templates(app: IConstruct, stacks: Stacks) -> Reports:
        return [checks.validation.validate(_Context(app, stacks))]

    passed = Passed(kept)
    resources = ChangedStacks(NAG_NAME, check_resources, passed)
    return [resources, ChangedStacks(VALIDATION_NAME, check_templates, passed, after=resources)]


@dataclass(frozen=True)
class Seen:
    """An app's stacks as a synthesis made them, each with its key."""

    app: IConstruct
    stacks: Stacks
    keys: Mapping[str, str]


class Passed:
    """Which stacks passed which checks, each by the key of what was checked; kept in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._passed: dict[str, str] = dict(json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            self._passed = {}

    def has(self, check: str, stack: str, key: str) -> bool:
        return self._passed.get(f"{check}: {stack}") == key

    def keep(self, check: str, keys: Mapping[str, str]) -> None:
        self._passed |= {f"{check}: {stack}": key for stack, key in keys.items()}
        write_atomically(self._file, json.dumps(self._passed, indent=1), durable=False)


@jsii.implements(cdk.IPolicyValidationPlugin)
class ChangedStacks:
    """Checks those of an app's stacks that have not passed as they are now."""

    def __init__(
        self, name: str, check: Check, passed: Passed, after: ChangedStacks | None = None
    ) -> None:
        """`after` is what checks the same stacks just before, and has looked at them."""
        self._name = name
        self._check = check
        self._passed = passed
        self._after = after
        self._seen: Seen | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str | None:
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        return None

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        seen = (self._after and self._after.take()) or _look(context)
        self._seen = seen
        changed = [
            stack
            for stack, (path, key) in zip(seen.stacks, seen.keys.items(), strict=True)
            if not self._passed.has(self._name, path, key)
        ]
        reports = self._check(seen.app, changed) if changed else []
        violations = [violation for report in reports for violation in report.violations]
        if not violations:
            self._passed.keep(self._name, seen.keys)
        return cdk.PolicyValidationPluginReport(
            success=all(report.success for report in reports), violations=violations
        )

    def take(self) -> Seen | None:
        """Return the stacks of the last validation, once: the next one may have others."""
        seen, self._seen = self._seen, None
        return seen


def _look(context: cdk.IPolicyValidationContext) -> Seen:
    app, stacks = context.app_construct, context.stack_templates
    return Seen(app, stacks, stack_keys(app, stacks))


@jsii.implements(cdk.IPolicyValidationContext)
class _Context:
    """The context of a validation with some of the stacks."""

    def __init__(self, app: IConstruct, stacks: Stacks) -> None:
        self._app = app
        self._stacks = list(stacks)

    @property
    def app_construct(self) -> IConstruct:
        return self._app

    @property
    def stack_templates(self) -> list[cdk.PolicyValidationStack]:
        return self._stacks

    @property
    def template_paths(self) -> list[str]:
        return [stack.template_path for stack in self._stacks]

    @property
    def account_id(self) -> str | None:
        return None

    @property
    def region(self) -> str | None:
        return None


def stack_keys(app: IConstruct, stacks: Stacks) -> dict[str, str]:
    """Return a hash of everything that the checks see of each stack, by the stack's path.

    They see its template, account and region, its constructs by class with their resolved properties,
    what is acknowledged in it and above it, and the rules: versions of packages and their choice.
    Which code an address names is no matter of a rule: stacks that differ in that alone have one key.
    """
    rules = digest([*installation_lines(), entry_content(RULES)])
    if not isinstance(app, cdk.App):
        raise TypeError(f"the checks run over an app, and got {type(app).__name__}")
    tree = json.loads((Path(app.outdir) / TREE_FILE).read_text("utf-8"))["tree"]
    above = {_parent(path): "" for path in (stack.stack_construct_path for stack in stacks)}
    for path in above:
        metadata = [construct.node.metadata for construct in _lineage(app, path)]
        above[path] = str([(entry.type, entry.data) for each in metadata for entry in each])
    return {
        stack.stack_construct_path: _digest(
            [
                rules,
                f"{stack.stack_construct_path} {stack.account_id} {stack.region}",
                above[_parent(stack.stack_construct_path)],
                json.dumps(_subtree(tree, stack.stack_construct_path)),
                Path(stack.template_path).read_text("utf-8"),
                _metadata_file(stack).read_text("utf-8"),
            ]
        )
        for stack in stacks
    }


def _digest(texts: Sequence[str]) -> str:
    """Hash texts without the hashes of content in them, but with the number of different ones.

    Their order counts for nothing: lists are sorted by them.
    """
    rules, *seen = texts
    known = {found for text in seen for found in CONTENT_HASH.findall(text) if len(found) == 64}
    names = known | {found[:SHORT_HASH] for found in known}

    def masked(match: re.Match[str]) -> str:
        return "content" if match[0] in names else match[0]

    return digest([rules, str(len(known)), *(CONTENT_HASH.sub(masked, text) for text in seen)])


def _lineage(app: IConstruct, path: str) -> list[IConstruct]:
    """Return the constructs from the app down to the one of a path."""
    constructs = [app]
    for name in _names(path):
        constructs.append(constructs[-1].node.find_child(name))
    return constructs


def _subtree(tree: dict[str, Any], path: str) -> dict[str, Any]:
    for name in _names(path):
        tree = tree["children"][name]
    return tree


def _names(path: str) -> list[str]:
    return path.split("/") if path else []


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _metadata_file(stack: cdk.PolicyValidationStack) -> Path:
    """Return the file next to a template that lists the acknowledged findings of the stack."""
    return Path(f"{stack.template_path.removesuffix(TEMPLATE_SUFFIX)}{METADATA_SUFFIX}")
