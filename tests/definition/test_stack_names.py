"""Names of stacks, made and read back."""

from __future__ import annotations

import pytest

from smp.definition.stack_names import (
    environment_of,
    environments_of,
    foundation_name,
    stack_prefix,
)

ENVIRONMENTS = ("default", "dev", "dev-eu", "prod")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_stack_is_of_the_environment_that_it_is_named_for(environment: str) -> None:
    prefix = stack_prefix(environment)
    for name in (foundation_name(environment), f"{prefix}-Pipeline-x", f"{prefix}-DeliveryAccess"):
        assert environment_of(name, ENVIRONMENTS) == environment


def test_environments_are_those_with_a_foundation() -> None:
    stacks = [foundation_name(name) for name in ENVIRONMENTS]
    assert environments_of([*stacks, "Smp-Delivery", "Other-Foundation"]) == set(ENVIRONMENTS)


@pytest.mark.parametrize("name", ["Smp-Delivery", "Smp-Delivery-eu-central-1", "Other-Pipeline-x"])
def test_the_delivery_s_own_stacks_and_strangers_are_of_no_environment(name: str) -> None:
    assert environment_of(name, ENVIRONMENTS) is None
