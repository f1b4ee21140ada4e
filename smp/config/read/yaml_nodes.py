"""Reads YAML events into a tree of nodes with their places; aliases are shared nodes.

It never resolves a scalar and never calls itself, so that no input exhausts the stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NoReturn

import yaml

from smp.errors import ConfigError, Location, Problem
from smp.text.messages import ascii_if_unprintable, shown

MAX_DEPTH = 64
MAX_TEXT = 12_000
"""Characters of one text; the longest that a service takes is a transform's variable of 10,240."""

HIDDEN = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
"""Control characters, those that reorder text as it is shown, and halves of characters."""

NodeKind = Literal["scalar", "list", "mapping"]


@dataclass(slots=True)
class Node:
    """One YAML node. A mapping's `items` are key, value, key, value."""

    kind: NodeKind
    place: Location
    text: str = ""
    plain: bool = False
    items: list[Node] = field(default_factory=list)
    is_open: bool = False


def read_nodes(text: str, file: str) -> Node:
    """Return the root node of the file's one document. Raises ConfigError."""
    composer = _Composer(text, file)
    try:
        for event in _events(text):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([*composer.problems, _syntax_problem(error, text, file)]) from error
    except yaml.YAMLError as error:
        reason = f"is not YAML: {ascii_if_unprintable(str(error))}"
        raise ConfigError([*composer.problems, Problem(reason, Location(file, 1, 1))]) from error
    if composer.root is None:
        composer.problems.append(Problem("the file is empty", Location(file, 1, 1)))
    if composer.problems or composer.root is None:
        raise ConfigError(composer.problems)
    return composer.root


def _events(text: str) -> Iterator[yaml.Event]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=loader)
    return events


class _Composer:
    """Puts events together; `root` is None until the document's first node is there."""

    def __init__(self, text: str, file: str) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._file = file
        self._text = text
        self._documents = 0
        self._open: list[Node] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> None:
        """Add what one event says."""
        if isinstance(event, yaml.ScalarEvent):
            if len(event.value) > MAX_TEXT:
                self._stop(event, f"is a text of more than {MAX_TEXT:,} characters")
            self._refuse_tag(event.tag, event)
            self._refuse_hidden(event)
            self._add(Node("scalar", self._place(event), event.value, not event.style), event)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            self._refuse_tag(event.tag, event)
            kind: NodeKind = "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
            node = Node(kind, self._place(event), is_open=True)
            self._add(node, event)
            self._open.append(node)
            if len(self._open) > MAX_DEPTH:
                self._stop(event, f"is nested more than {MAX_DEPTH} levels deep")
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self._open.pop().is_open = False
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._referred(event), None)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(event, "a second YAML document begins here; a file holds one")

    def _add(self, node: Node, event: yaml.NodeEvent | None) -> None:
        if event is not None and event.anchor:
            self._anchors[event.anchor] = node
        if self._open:
            self._open[-1].items.append(node)
        elif not (node.plain and node.text == ""):
            self.root = node

    def _referred(self, event: yaml.AliasEvent) -> Node:
        node = self._anchors.get(event.anchor or "")
        name = shown(f"*{event.anchor}")
        if node is None:
            self._stop(event, f"the alias {name} refers to an anchor that is not defined above it")
        if node.is_open:
            self._stop(event, f"the alias {name} refers to a value that contains it")
        return node

    def _refuse_tag(self, tag: str | None, event: yaml.Event) -> None:
        if tag is None:
            return
        hint = "remove the tag; text that looks like a number goes in quotes"
        reason = "YAML tags are not supported"
        self.problems.append(Problem(reason, self._place(event), "", shown(tag), None, hint))

    def _refuse_hidden(self, event: yaml.ScalarEvent) -> None:
        match = HIDDEN.search(event.value)
        if match is not None:
            reason = f"has the character U+{ord(match[0]):04X}, which a reader does not see"
            allowed = "printable text, tabs and line ends"
            self.problems.append(
                Problem(reason, self._place(event), "", shown(event.value), allowed)
            )

    def _place(self, event: yaml.Event) -> Location:
        mark = event.start_mark
        assert mark is not None, "events of a parsed text have marks"
        return Location(self._file, mark.line + 1, mark.column + 1)

    def _stop(self, event: yaml.Event, reason: str) -> NoReturn:
        raise ConfigError([*self.problems, Problem(reason, self._place(event))])


PLAIN_WORDS = {
    "did not find expected node content": "a value is missing here, or a bracket is not closed",
    "found character that cannot start any token": "text that begins with this goes in quotes",
    "mapping values are not allowed in this context": (
        "a second ': ' on one line, or a key that is indented differently from its neighbours"
    ),
    "did not find expected key": "a key is expected here: check the indentation",
    "did not find expected '-' indicator": (
        "a list item ('- ') is expected here: check the indentation"
    ),
    "could not find expected ':'": "a ':' is missing after this key",
    "did not find expected ',' or ']'": "the list that begins with '[' is not closed",
    "did not find expected ',' or '}'": "the mapping that begins with '{' is not closed",
    "found unexpected end of stream": "the quoted text is not closed",
}


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    indent = (
        lines[line][: len(lines[line]) - len(lines[line].lstrip())] if line < len(lines) else ""
    )
    if "\t" in indent:
        location = Location(file, line + 1, indent.index("\t") + 1)
        return Problem("indented with a tab; YAML allows only spaces", location)
    if error.context_mark and error.problem in (
        "did not find expected ',' or ']'",
        "did not find expected ',' or '}'",
        "found unexpected end of stream",
    ):
        line, column = error.context_mark.line, error.context_mark.column
    words = PLAIN_WORDS.get(
        error.problem or "", ascii_if_unprintable(error.problem or "unreadable")
    )
    return Problem(f"is not valid YAML: {words}", Location(file, line + 1, column + 1))
