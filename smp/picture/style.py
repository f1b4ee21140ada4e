"""Colours, icons and letter widths of the pictures, in light and dark."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """One mode's colours. `accents` tell models apart, beside their names in the legend."""

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

ICONS = {
    "Processing": "M2 4h12M4.5 8h7M6.5 12h3",
    "Training": "M2 13l4-4.5 3 2.5 5-7M10.5 4H14v3.5",
    "Tuning": "M2 5h5M11 5h3M9 3v4M2 11h2M8 11h6M6 9v4",
    "Model": "M8 1.5l5.5 3.2v6.6L8 14.5l-5.5-3.2V4.7zM2.5 4.7L8 8l5.5-3.3M8 8v6.5",
    "Transform": "M2 5.5h11M10.5 3L13 5.5 10.5 8M14 11H3M5.5 8.5L3 11l2.5 2.5",
    "RegisterModel": "M3 2h6.5L14 6.5v7.5H3zM5.8 9.6l1.8 1.8 3.4-3.6",
    "Condition": "M8 1.5L14.5 8 8 14.5 1.5 8z",
    "Lambda": "M3.5 2.5h2.7l6 11h1.8M6.9 6.6L3 13.5",
    "Callback": "M2 3.5h12v8H8.5L5 14v-2.5H2z",
    "QualityCheck": "M2.5 8.5l3.5 3.5 7.5-8M2.5 14h11",
    "EMRServerless": "M9 1.5L3.5 9H7l-1 5.5L12.5 7H9z",
    "ClarifyCheck": "M8 2v12M4.5 14h7M3 4h10M3 4L1.2 9h3.6zM13 4l-1.8 5h3.6z",
    "NotebookJob": "M4 2h9v12H4zM2.5 4.5h3M2.5 8h3M2.5 11.5h3M7.5 6h3.5M7.5 9h3.5",
    "ForEach": "M3 8a5 5 0 0 1 9-3M13 8a5 5 0 0 1-9 3M12 1.8V5H8.8M4 14.2V11h3.2",
    "Fail": "M3.5 3.5l9 9M12.5 3.5l-9 9",
}
OTHER_ICON = "M3 3h10v10H3z"

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
