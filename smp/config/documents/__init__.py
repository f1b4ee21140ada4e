"""What is generated from the config models: JSON schema, reference page."""
