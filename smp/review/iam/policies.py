"""The policies in a CloudFormation template as single allowances and denials.

Policies of identities count, trust policies, and every policy that a resource has (of a bucket,
key, queue, topic, endpoint …). It never drops what it cannot evaluate: that is compared as it is
written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from smp.review.iam.allowances import ANYONE, Allowance, Scope, conditions_of
from smp.review.iam.template_text import Template, TemplateText

ATTACHED_TO = {"Roles": "role", "Users": "user", "Groups": "group"}
ATTACHED_BY_NAME = {"RoleName": "role", "UserName": "user", "GroupName": "group"}
IDENTITIES = {"AWS::IAM::Role": "role", "AWS::IAM::User": "user", "AWS::IAM::Group": "group"}
IDENTITY_POLICIES = frozenset(
    f"AWS::IAM::{kind}"
    for kind in ("GroupPolicy", "ManagedPolicy", "Policy", "RolePolicy", "UserPolicy")
)
PROTECTED_BY = {
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueuePolicy": "Queues",
}
"""The property that names what a policy of this type protects."""

CONTENT_ADDRESSES = (
    re.compile(r"(?<=/code/)[0-9a-f]{64}(?=[/*]|$)"),
    re.compile(r"(?<=-assets-)([^/]*/)[0-9a-f]{64}(?=\.(?:zip|json)$)"),
)
"""Code trees and assets: other content has another address, and that alone allows nothing more."""

NOTHING, ALL = Scope(("",)), Scope((ANYONE,))


@dataclass(frozen=True)
class PolicyReader:
    """Reads what the policies of one template allow and deny, allowance by allowance."""

    stack: str
    template: Template
    text: TemplateText

    def read(self) -> Iterator[Allowance]:
        """Yield each allowance and denial; one may come twice."""
        for name, resource in self.template.get("Resources", {}).items():
            kind, properties = str(resource.get("Type")), resource.get("Properties", {})
            if kind in IDENTITIES:
                yield from self._identity(f"{IDENTITIES[kind]} {name}", properties)
            elif kind in IDENTITY_POLICIES:
                for holder in self._holders(name, properties):
                    yield from self._document(holder, properties.get("PolicyDocument"))
            elif kind == "AWS::Lambda::Permission":
                yield self._function_permission(properties)
            elif kind == "AWS::IAM::UserToGroupAddition":
                yield from self._members(properties)
            elif kind == "AWS::CloudFormation::Stack":
                url = self.text.of(properties.get("TemplateURL"))
                yield self._grant(f"nested stack {name}", "whatever its template allows", url)
            else:
                for holder in self._protected(kind, name, properties):
                    if kind == "AWS::EC2::VPCEndpoint" and "PolicyDocument" not in properties:
                        yield Allowance(self.stack, holder, "Allow", ALL, ALL, ALL)
                    for document in _documents(properties):
                        yield from self._document(holder, document)

    def _identity(self, holder: str, properties: Mapping[str, Any]) -> Iterator[Allowance]:
        for policy in _listed(properties.get("Policies", [])):
            document = policy.get("PolicyDocument") if isinstance(policy, dict) else policy
            yield from self._document(holder, document)
        for policy in _listed(properties.get("ManagedPolicyArns", [])):
            yield from self._attached(holder, policy)
        yield from self._document(holder, properties.get("AssumeRolePolicyDocument"))
        if "PermissionsBoundary" in properties:
            boundary = self.text.of(properties["PermissionsBoundary"])
            beyond = Scope((f"everything beyond the permissions boundary {boundary}",))
            yield Allowance(self.stack, holder, "Deny", beyond, NOTHING)

    def _attached(self, holder: str, policy: Any) -> Iterator[Allowance]:
        """Yield what a managed policy allows, if it is in this template, else that it is attached."""
        name = policy.get("Ref") if isinstance(policy, dict) else None
        resource = self.template["Resources"].get(name, {})
        if resource.get("Type") == "AWS::IAM::ManagedPolicy":
            yield from self._document(holder, resource["Properties"].get("PolicyDocument"))
        else:
            yield self._grant(holder, "all that a managed policy allows", self.text.of(policy))

    def _holders(self, name: str, properties: Mapping[str, Any]) -> list[str]:
        found = [
            self._named(kind, item)
            for key, kind in ATTACHED_TO.items()
            for item in _listed(properties.get(key, []))
        ]
        found += [
            self._named(kind, properties[key])
            for key, kind in ATTACHED_BY_NAME.items()
            if key in properties
        ]
        return found or [f"policy {name}"]

    def _protected(self, kind: str, name: str, properties: Mapping[str, Any]) -> list[str]:
        """Return what a resource's policies protect: the resource, or what it is the policy of."""
        of = _listed(properties.get(PROTECTED_BY.get(kind, ""), []))
        return [self._named(kind_of(kind), item) for item in of] or [f"{kind_of(kind)} {name}"]

    def _named(self, kind: str, value: Any) -> str:
        """Name a resource of this template as it is named where it is expected, others by their text."""
        return f"{kind} {self.text.of(value).removeprefix('<').removesuffix('>')}"

    def _function_permission(self, properties: Mapping[str, Any]) -> Allowance:
        keys = {
            "aws:SourceArn": "SourceArn",
            "aws:SourceAccount": "SourceAccount",
            "aws:PrincipalOrgID": "PrincipalOrgID",
            "lambda:FunctionUrlAuthType": "FunctionUrlAuthType",
            "lambda:EventSourceToken": "EventSourceToken",
        }
        limits = {key: [self.text.of(properties[p])] for key, p in keys.items() if p in properties}
        return Allowance(
            self.stack,
            self._named("function", properties.get("FunctionName")),
            "Allow",
            Scope((self.text.of(properties.get("Action")),), folded=True),
            NOTHING,
            Scope((self.text.of(properties.get("Principal")),)),
            conditions_of({"Equals": limits}),
        )

    def _members(self, properties: Mapping[str, Any]) -> Iterator[Allowance]:
        for user in _listed(properties.get("Users", [])):
            group = self._named("group", properties.get("GroupName"))
            yield self._grant(self._named("user", user), "all that a group may", group)

    def _document(self, holder: str, document: Any) -> Iterator[Allowance]:
        parsed = _parsed(document)
        if parsed is None:
            return
        if "Statement" not in parsed:
            yield self._unknown(holder, parsed)
        for statement in _listed(parsed.get("Statement", [])):
            if isinstance(statement, dict) and statement.get("Effect") in ("Allow", "Deny"):
                yield from self._statement(holder, statement)
            else:
                yield self._unknown(holder, statement)

    def _statement(self, holder: str, statement: Mapping[str, Any]) -> Iterator[Allowance]:
        conditions = conditions_of(self._conditions(statement.get("Condition", {})))
        for action, resource, principal in product(
            self._scopes(statement, "Action", folded=True),
            self._scopes(statement, "Resource") or [NOTHING],
            self._principals(statement),
        ):
            effect = str(statement["Effect"])
            yield Allowance(self.stack, holder, effect, action, resource, principal, conditions)

    def _scopes(
        self, statement: Mapping[str, Any], element: str, *, folded: bool = False
    ) -> list[Scope]:
        refused = f"Not{element}"
        if refused in statement:
            texts = sorted(self._address(item) for item in _listed(statement[refused]))
            return [Scope(tuple(texts), negated=True, folded=folded)]
        items = _listed(statement.get(element, []))
        return [Scope((self._address(item),), folded=folded) for item in items]

    def _address(self, value: Any) -> str:
        text = self.text.of(value)
        for pattern in CONTENT_ADDRESSES:
            text = pattern.sub(lambda m: f"{m[1] if m.re.groups else ''}<content>", text)
        return text

    def _principals(self, statement: Mapping[str, Any]) -> list[Scope | None]:
        """Return who a statement names; None for the holder itself."""
        if "NotPrincipal" in statement:
            return [Scope(tuple(self._who(statement["NotPrincipal"])), negated=True)]
        named = self._who(statement.get("Principal", {}))
        return [Scope((who,)) for who in named] or [None]

    def _who(self, principal: Any) -> list[str]:
        """Return each principal with its kind; anyone is anyone, of whatever kind."""
        if not isinstance(principal, dict) or any(k == "Ref" or "::" in k for k in principal):
            return [self.text.of(principal)]
        return sorted(
            "*" if kind == "AWS" and item == "*" else f"{kind} {self.text.of(item)}"
            for kind, items in principal.items()
            for item in _listed(items)
        )

    def _conditions(self, written: Any) -> dict[str, dict[str, list[str]]]:
        if not isinstance(written, dict) or not all(isinstance(v, dict) for v in written.values()):
            return {"Condition": {"written": [self.text.of(written)]}}
        return {
            operator: {
                key: [self.text.of(v) for v in _listed(values)] for key, values in keys.items()
            }
            for operator, keys in written.items()
        }

    def _grant(self, holder: str, action: str, resource: str) -> Allowance:
        return Allowance(self.stack, holder, "Allow", Scope((action,)), Scope((resource,)))

    def _unknown(self, holder: str, value: Any) -> Allowance:
        """Return a part that only the service evaluates: it equals itself alone."""
        return self._grant(holder, "what is known only when deployed", self.text.of(value))


def kind_of(resource_type: str) -> str:
    """Return what resources of a type are called: `bucket` for a bucket and for its policy."""
    if resource_type in IDENTITY_POLICIES:
        return "policy"
    return resource_type.rpartition("::")[2].removesuffix("Policy").lower()


def _documents(value: Any) -> Iterator[Any]:
    """Yield every policy document anywhere in a resource's properties."""
    if isinstance(value, list):
        for item in value:
            yield from _documents(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if _is_document(key, item):
                yield item
            else:
                yield from _documents(item)


def _is_document(key: str, value: Any) -> bool:
    if isinstance(value, str):
        return "Policy" in key and '"Statement"' in value
    return isinstance(value, dict) and ("Statement" in value or "PolicyDocument" in key)


def _parsed(document: Any) -> Mapping[str, Any] | None:
    """Return a document, which may be JSON in a text; None where there is none."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return {"Text": document}
    if document is None:
        return None
    return document if isinstance(document, dict) else {"Value": document}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
