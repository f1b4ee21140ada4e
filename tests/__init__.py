"""Tests; a package, so that it is found before any `tests` that a dependency installs."""
