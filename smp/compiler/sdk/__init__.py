"""The SageMaker SDK without AWS: an offline session, collected uploads, lighter imports."""
