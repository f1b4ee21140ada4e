"""The states of a state machine or of a branch while they are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smp.definition.compiled import Json


@dataclass
class Scope:
    """The states of a state machine or of a branch."""

    last: str
    """The name of the state that ends it, made where one is needed."""
    states: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """Where a state leads: to another, or where `to` is None to the end of its scope."""

    scope: Scope
    to: str | None = None

    def next(self) -> Json:
        """Return what a state that leads here says."""
        return {"End": True} if self.to is None else {"Next": self.to}

    def state(self) -> str:
        """Return the name of the state to go to; the end of a scope becomes a state of its own."""
        if self.to is not None:
            return self.to
        self.scope.states.setdefault(self.scope.last, {"Type": "Succeed"})
        return self.scope.last


def in_order(start: str, states: Mapping[str, Json]) -> dict[str, Json]:
    """Return states as one reads them: each after those that lead to it, as far as there is no circle."""
    ordered: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        seen.add(name)
        for following in reversed(leads_to(states[name])):
            if following not in seen:
                visit(following)
        ordered.append(name)

    visit(start)
    return {name: states[name] for name in reversed(ordered)}


def leads_to(state: Json) -> list[str]:
    """Return the names of the states that a state may lead to, what follows an error first."""
    rules = [*state.get("Catch", []), *state.get("Choices", []), state]
    found = [rule["Next"] for rule in rules if "Next" in rule]
    return list(dict.fromkeys([*found, *([state["Default"]] if "Default" in state else [])]))
