"""The checks that every synthesis runs over its templates, got ready while other work goes on.

A finding is accepted by a construct, beside the resource that it is about.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aws_cdk as cdk


class PolicyChecks:
    """CDK Nag's AwsSolutions pack and the CDK's own template validation.

    The validation's engine takes longer to start than all stacks take to make. It starts in a thread;
    until `ready` returned, nothing else may call the CDK, which is not made for threads.
    """

    def __init__(self) -> None:
        self._plugins: list[cdk.IPolicyValidationPlugin] = []
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._start, name="policy checks", daemon=True)
        self._thread.start()

    def ready(self) -> PolicyChecks:
        """Wait until the CDK may be called; raises what kept the checks from starting."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self

    def add_to(self, app: cdk.App) -> None:
        """Have all stacks of the app checked when it is synthesized: a finding makes that fail."""
        import aws_cdk as cdk
        from cdk_nag import AwsSolutionsChecks

        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), *self._plugins)

    def _start(self) -> None:
        try:
            import aws_cdk as cdk
            import cdk_nag  # noqa: F401

            self._plugins.append(cdk.CloudFormationValidatePlugin())
        except BaseException as error:
            self._failure = error
