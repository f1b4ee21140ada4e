"""Values of a CloudFormation template as one canonical text each, with what is known put in.

A function that it does not know becomes the function's own JSON, which equals only itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Template = Mapping[str, Any]

SUB_NAME = re.compile(r"\$\{(!?)([^}]+)\}")
CHINA, GOVERNMENT = "cn-", "us-gov-"


@dataclass(frozen=True)
class TemplateText:
    """Writes the values of one template. `known` has the values of pseudo parameters."""

    template: Template
    known: Mapping[str, str] = field(default_factory=dict)

    def of(self, value: Any) -> str:
        """Return a value as text: `arn:aws:s3:::<DataBucket>/code/*`."""
        if isinstance(value, str):
            return value
        if isinstance(value, dict) and len(value) == 1:
            ((function, argument),) = value.items()
            text = self._function(function, argument)
            if text is not None:
                return text
        return json.dumps(value, sort_keys=True, ensure_ascii=False)

    def _function(self, function: str, argument: Any) -> str | None:
        if function == "Ref":
            return self._reference(str(argument))
        if function == "Fn::GetAtt":
            return (
                f"<{argument if isinstance(argument, str) else '.'.join(map(self.of, argument))}>"
            )
        if function == "Fn::ImportValue":
            return f"<{self.of(argument)}>"
        if function == "Fn::Join" and isinstance(argument[1], list):
            return str(argument[0]).join(self.of(item) for item in argument[1])
        if function == "Fn::Sub":
            return self._substituted(argument)
        if function == "Fn::FindInMap":
            return self._looked_up(argument)
        if function == "Fn::Select":
            return self._selected(argument)
        return None

    def _reference(self, name: str) -> str:
        if name in self.known:
            return self.known[name]
        parameter = self.template.get("Parameters", {}).get(name, {})
        default = f"={parameter['Default']}" if "Default" in parameter else ""
        return f"<{name}{default}>"

    def _substituted(self, argument: Any) -> str | None:
        text, values = (argument, {}) if isinstance(argument, str) else argument

        def put(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in values:
                return self.of(values[name])
            return f"<{name}>" if "." in name else self._reference(name)

        return SUB_NAME.sub(put, text)

    def _looked_up(self, argument: Any) -> str | None:
        """Return the value where its keys are known; else a text that changes with the mapping."""
        name, *keys = (self.of(item) for item in argument[:3])
        mapping = self.template.get("Mappings", {}).get(name, {})
        try:
            return self.of(mapping[keys[0]][keys[1]])
        except (KeyError, IndexError, TypeError):
            values = {top: row.get(keys[-1]) for top, row in mapping.items()}
            digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
            return f"<{name} {keys[-1]} {digest[:12]}>"

    def _selected(self, argument: Any) -> str | None:
        """Return one part of a split text, as far as the text is known."""
        index, source = argument
        if not isinstance(source, dict) or set(source) != {"Fn::Split"}:
            return None
        separator, value = source["Fn::Split"]
        text = self.of(value)
        parts = text.split(str(separator))
        if text.startswith("<") or not int(index) < len(parts):
            return f"<part {index} of {text}>"
        return parts[int(index)]


def known_values(account: str | None, region: str | None) -> dict[str, str]:
    """Return the values of the pseudo parameters for an account or a region that is known."""
    known = {}
    if account:
        known["AWS::AccountId"] = account
    if region:
        china = region.startswith(CHINA)
        government = "aws-us-gov" if region.startswith(GOVERNMENT) else "aws"
        known["AWS::Region"] = region
        known["AWS::Partition"] = "aws-cn" if china else government
        known["AWS::URLSuffix"] = "amazonaws.com.cn" if china else "amazonaws.com"
    return known
