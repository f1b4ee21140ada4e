"""Writes HTML so that nothing but what this package wrote itself is markup.

It never takes a text unescaped: only an `Html` value goes in as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from smp.text.human import clean_text

VOID = frozenset({"meta", "input", "br", "link"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | Html
Attribute = str | int | bool | None


def element(tag: str, *children: Child, **attributes: Attribute) -> Html:
    """Write an element; `class_` and `aria_label` stand for `class` and `aria-label`.

    An attribute that is None or False is left out.
    """
    written = "".join(
        f" {name.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{escape(clean_text(str(value)))}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[Child]) -> Html:
    """Put texts and markup one after the other."""
    return Html("".join(child if isinstance(child, Html) else text(child) for child in children))


def text(value: str) -> Html:
    """Escape a text."""
    return Html(escape(clean_text(value)))


def link(href: str, *children: Child, **attributes: Attribute) -> Html:
    """Write a link; the caller made the address."""
    return element("a", *children, href=href, **attributes)


def code(value: str) -> Html:
    """Write a name, path or command as it is typed."""
    return element("code", value)


def command(line: str) -> Html:
    """Write a command that a click selects whole."""
    return element("code", line, class_="command")


def facts(pairs: Iterable[tuple[str, Child]]) -> Html:
    """Write names and values as a description list."""
    items = [
        element("div", element("dt", name), element("dd", value)) for name, value in pairs if value
    ]
    return element("dl", *items, class_="facts") if items else Html()


def data_table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Child]],
    *,
    numbers: frozenset[int] = frozenset(),
) -> Html:
    """Write a table whose first column names each row; it scrolls by itself where it is too wide.

    The columns in `numbers` are set to the right.
    """

    def kind(column: int) -> str | None:
        return "number" if column in numbers else None

    head = element(
        "tr", *(element("th", h, scope="col", class_=kind(n)) for n, h in enumerate(heads))
    )
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell, class_=kind(n)) for n, cell in enumerate(row[1:], start=1)),
        )
        for row in rows
    ]
    table = element(
        "table", element("caption", caption), element("thead", head), element("tbody", *body)
    )
    return element("div", table, class_="wide", tabindex=0, role="region", aria_label=caption)


def fold(summary: Child, *children: Child, is_open: bool = False, **attributes: Attribute) -> Html:
    """Write what a reader opens with a click or a key."""
    return element(
        "details", element("summary", summary), *children, open=is_open or None, **attributes
    )
