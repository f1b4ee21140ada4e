"""AWS Step Functions as the engine of a compiled pipeline."""

from smp.export.stepfunctions.permissions import state_machine_permissions
from smp.export.stepfunctions.state_machine import render_state_machine, state_machine_text

__all__ = ["render_state_machine", "state_machine_permissions", "state_machine_text"]
