"""Colours and letter widths of the pictures, in light and dark."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """One mode's colours. `accents` distinguish models, in addition to their names in the legend."""

    page: str
    card: str
    border: str
    text: str
    muted: str
    line: str
    accents: tuple[str, ...]


LIGHT = Theme(
    page="#f6f7f9",
    card="#ffffff",
    border="#d3d8e0",
    text="#1b2330",
    muted="#5a6577",
    line="#76829a",
    accents=(
        "#2f6fde",
        "#b4540a",
        "#138a5e",
        "#8a4bd0",
        "#c02f6b",
        "#0f7f96",
        "#7a6a00",
        "#5c6675",
    ),
)
DARK = Theme(
    page="#12161d",
    card="#1c222c",
    border="#38414f",
    text="#e8ecf3",
    muted="#a3adbd",
    line="#8390a6",
    accents=(
        "#74a5ff",
        "#f2a05f",
        "#4fca9c",
        "#bd93f5",
        "#f382b0",
        "#55c5da",
        "#d1bf4d",
        "#b1bac8",
    ),
)

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

_NARROW = frozenset("fijlrtI.,:;|'!-()[] ")
_WIDE = frozenset("mwMWQOGDCNHU@%_")


def text_width(text: str, size: float) -> float:
    """Estimate a text's width in a sans-serif face, on the generous side: faces differ."""
    units = sum(0.43 if c in _NARROW else 0.98 if c in _WIDE else 0.70 for c in text)
    return units * size


def style_sheet() -> str:
    """Return the rules of a picture; dark colours follow the reader's own setting."""
    dark = "".join(f"\n    {rule}" for rule in _colour_rules(DARK))
    return "\n".join(
        (
            f".smp-dag text {{ font-family: {FONT}; }}",
            ".smp-dag .title { font-size: 18px; font-weight: 650; }",
            ".smp-dag .name { font-size: 13.5px; font-weight: 600; }",
            ".smp-dag .small { font-size: 11.5px; }",
            ".smp-dag .type { font-size: 11px; letter-spacing: 0.03em; }",
            ".smp-dag .edge { fill: none; stroke-width: 1.6; }",
            ".smp-dag .order { stroke-dasharray: 5 4; }",
            ".smp-dag .decision { stroke-dasharray: 1.6 3.4; stroke-linecap: round; stroke-width: 2; }",
            ".smp-dag .icon { fill: none; stroke-width: 1.5; stroke-linecap: round;"
            " stroke-linejoin: round; }",
            *_colour_rules(LIGHT),
            f"@media (prefers-color-scheme: dark) {{{dark}\n  }}",
        )
    )


def _colour_rules(theme: Theme) -> tuple[str, ...]:
    return (
        f".smp-dag .page {{ fill: {theme.page}; }}",
        f".smp-dag .card {{ fill: {theme.card}; stroke: {theme.border}; }}",
        f".smp-dag text {{ fill: {theme.text}; }}",
        f".smp-dag .muted {{ fill: {theme.muted}; }}",
        f".smp-dag .edge {{ stroke: {theme.line}; }}",
        f".smp-dag .head {{ fill: {theme.line}; }}",
        *(
            f".smp-dag .m{number} {{ fill: {colour}; }}"
            f" .smp-dag .icon.m{number} {{ fill: none; stroke: {colour}; }}"
            for number, colour in enumerate(theme.accents)
        ),
    )
