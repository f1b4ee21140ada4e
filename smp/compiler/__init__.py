"""Compiles a checked pipeline graph into the definition JSON of a SageMaker pipeline.

Importing this package does not import the SageMaker SDK; only `smp.compiler.sdk` and its users do.
"""
