"""CDK constructs of a deployed pipeline, one noun a file.

A construct reads no files, no environment variables and no context, and never imports a stack.
"""
