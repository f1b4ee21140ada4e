"""The types of single values: AWS names, images, channels, conditions."""
