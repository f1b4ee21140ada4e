"""CDK constructs of a deployed pipeline, one noun a file.

A construct reads no file of its own, no environment and no context, and never imports a stack.
"""
