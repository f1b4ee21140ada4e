"""What a deployed pipeline asks of the model registry while it runs; a local run asks by the same code."""
