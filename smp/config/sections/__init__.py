"""The sections of a model and of a pipeline, one module each."""
