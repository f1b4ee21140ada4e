"""The steps that a pipeline can have, one module per step class."""
