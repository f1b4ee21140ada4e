"""Compiles a checked pipeline graph into the definition JSON of a SageMaker pipeline.

Importing this package never imports the SageMaker SDK; only `smp.compiler.sdk.offline_session` and what it calls do.
"""
