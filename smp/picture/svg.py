"""Writes the small parts of an SVG: numbers, escaped text and attributes."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg_text(text: str) -> str:
    """Escape text between tags."""
    return escape(_NOT_XML.sub("\ufffd", text))


def svg_attribute(text: str) -> str:
    """Escape text inside double quotes."""
    return escape(_NOT_XML.sub("\ufffd", text), {'"': "&quot;"})


def px(value: float) -> str:
    """Write a length with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def text_line(classes: str, x: float, y: float, text: str) -> str:
    """Write one line of text."""
    return f'    <text class="{classes}" x="{px(x)}" y="{px(y)}">{svg_text(text)}</text>'
