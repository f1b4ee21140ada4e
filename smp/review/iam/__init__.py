"""The permissions in synthesized templates, and how they differ from those deployed."""
