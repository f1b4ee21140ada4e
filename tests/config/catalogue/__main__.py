"""Writes the catalogue's messages anew."""

from tests.config.catalogue import rewrite

rewrite()
