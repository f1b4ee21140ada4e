"""Batch transform on this machine: what runs beside the model is in `container`, copied to each job.

It never runs a model in this process.
"""
