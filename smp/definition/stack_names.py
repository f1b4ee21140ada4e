"""The names of an environment's stacks, for code that deploys them and code that reads templates."""

from __future__ import annotations

from collections.abc import Iterable

APP = "Smp"
DEFAULT_ENVIRONMENT = "default"
"""The environment whose stacks have no name of one in theirs."""

DELIVERY = f"{APP}-Delivery"
"""The delivery's stack, and with a region as suffix its further stacks; not of an environment."""

FOUNDATION = "-Foundation"
ORCHESTRATION = "-Orchestration"


def stack_prefix(environment: str) -> str:
    """Return what the names of an environment's stacks begin with, in front of a hyphen."""
    return APP if environment == DEFAULT_ENVIRONMENT else f"{APP}-{environment}"


def foundation_name(environment: str) -> str:
    return f"{stack_prefix(environment)}{FOUNDATION}"


def orchestration_name(environment: str) -> str:
    return f"{stack_prefix(environment)}{ORCHESTRATION}"


def environments_of(stacks: Iterable[str]) -> set[str]:
    """Return the environments of stacks: each has a foundation."""
    prefixes = {name.removesuffix(FOUNDATION) for name in stacks if name.endswith(FOUNDATION)}
    named = {prefix.removeprefix(f"{APP}-") for prefix in prefixes if prefix.startswith(f"{APP}-")}
    return named | ({DEFAULT_ENVIRONMENT} if APP in prefixes else set())


def environment_of(stack: str, environments: Iterable[str]) -> str | None:
    """Return the environment of a stack, None for another's; a longer name goes first."""
    if f"{stack}-".startswith(f"{DELIVERY}-"):
        return None
    for environment in sorted(environments, key=lambda name: len(stack_prefix(name)), reverse=True):
        if stack.startswith(f"{stack_prefix(environment)}-"):
            return environment
    return None
