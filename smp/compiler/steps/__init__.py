"""Renders each step class into steps of the SageMaker SDK: one module a kind of step.

Importing it imports the SDK.
"""

import smp.compiler.sdk.offline_session  # noqa: F401  the SDK is imported under its conditions, before the renderers
