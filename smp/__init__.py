"""The engine: reads model configs, checks them as a graph and compiles them to SageMaker pipelines.

It never imports `aws_cdk`; the CDK side of the app calls it, never the other way round.
"""

__version__ = "0.1.0"
