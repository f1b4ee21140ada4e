"""Runs inside a transform job, with the model's Python: inference server, batch client, and no more.

The directory is copied to the job as the package `smp_serving`, so its modules import each other
relatively and otherwise the standard library only, that of Python 3.8 and later: an image brings
its own.
"""
