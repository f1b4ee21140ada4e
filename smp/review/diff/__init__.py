"""What changes between two states of the pipelines, as a reviewer needs it."""
