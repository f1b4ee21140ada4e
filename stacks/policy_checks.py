"""The checks that every synthesis runs over its templates, prepared in parallel with other work.

A construct accepts a finding next to the resource that it is about.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks


class PolicyChecks:
    """CDK Nag's AwsSolutions pack and the CDK's own template validation.

    A thread starts the CDK, and the validation's engine if changes are expected: that takes longer than
    making all stacks. Until `ready` returns nothing else may call the CDK, which is not made for threads.
    """

    def __init__(self, passed: Path | None = None) -> None:
        """`passed` is the file that keeps which stacks passed: they are checked when they change.

        Without it all stacks are checked.
        """
        self._passed = passed
        self._changes = passed is None or not passed.exists()
        self._decided = Event()
        if self._changes:
            self._decided.set()
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._start, name="policy checks", daemon=True)
        self._thread.start()

    def expect_changes(self) -> None:
        """Start the engine now. A stack that changes unexpectedly waits for it."""
        self._changes = True
        self._decided.set()

    def ready(self) -> PolicyChecks:
        """Wait until the CDK may be called; raises what kept the checks from starting."""
        self._decided.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self

    def add_to(self, app: cdk.App) -> None:
        """Have all stacks of the app checked when it is synthesized: a finding makes that fail."""
        import aws_cdk as cdk

        plugins: list[cdk.IPolicyValidationPlugin] = []
        if self._passed is None:
            plugins += [self.nag, self.validation]
        else:
            from stacks.changed_stacks import changed_stacks_only

            plugins += changed_stacks_only(self, self._passed)
        cdk.Validations.of(app).add_plugins(*plugins)

    @cached_property
    def validation(self) -> cdk.CloudFormationValidatePlugin:
        """The validation of templates against the schemas and rules of CloudFormation."""
        import aws_cdk as cdk

        return cdk.CloudFormationValidatePlugin()

    @cached_property
    def nag(self) -> AwsSolutionsChecks:
        """The rules of AWS Solutions for resources."""
        from cdk_nag import AwsSolutionsChecks

        return AwsSolutionsChecks()

    def _start(self) -> None:
        try:
            import aws_cdk  # noqa: F401

            self._decided.wait()
            if self._changes:
                self.validation, self.nag  # noqa: B018
        except BaseException as error:
            self._failure = error
