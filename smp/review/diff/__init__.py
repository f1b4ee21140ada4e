"""What changes between two states of the pipelines, as a reviewer needs it.

It never compiles and never asks AWS: `smp.review.states.state` and the commands bring both states.
"""
