"""The states of the pipelines that a review compares: working tree, git ref."""
