"""The language of conditions: `metrics-step.metrics.auc >= 0.85 and not parameters.dry_run == true`.

condition  = conjunction ("or" conjunction)*
conjunction = negation ("and" negation)*
negation   = "not" negation | "(" condition ")" | comparison
comparison = operand ("==" | "!=" | "<" | "<=" | ">" | ">=") operand
           | operand ["not"] "in" "[" literal ("," literal)* "]"
operand    = literal | reference
literal    = number | "text" | 'text' | true | false
reference  = "parameters." NAME | STEP ".metrics." PATH | STEP ".reports." NAME "." PATH
           | STEP ".outputs." NAME
           | STEP ".final_metrics." NAME | STEP ".final_metrics" QUOTED
PATH       = NAME ("." NAME | "[" number "]" | QUOTED)*
QUOTED     = '["' text '"]' | "['" text "']"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal as OneOf

from smp.config.values.base import fault

Value = str | int | float | bool

PARAMETERS = "parameters"
METRICS = "metrics"
REPORTS = "reports"
FINAL_METRICS = "final_metrics"
OUTPUTS = "outputs"
ITEM = "item"

Operator = OneOf["==", "!=", "<", "<=", ">", ">="]
OPPOSITES: dict[Operator, Operator] = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
}

TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.-])
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<operator>==|!=|<=|>=|<|>)
    | (?P<mark>[()\[\],])
    | (?P<word>(?:and|or|not|in|true|false|True|False)(?![\w.-]))
    | (?P<reference>[A-Za-z0-9][A-Za-z0-9-]*
        (?:\.[A-Za-z_][\w-]*|\[\d+\]|\["[^"\]]*"\]|\['[^"'\]]*'\])+)
    )""",
    re.VERBOSE,
)
ITEM_TEXT = re.compile(rf"{ITEM}(?:\.([A-Za-z_][A-Za-z0-9_]*))?")
PART = re.compile(
    r"""\.(?P<name>[A-Za-z_][\w-]*)|(?P<index>\[\d+\])|\[(?P<quote>["'])(?P<quoted>.*?)(?P=quote)\]""",
    re.DOTALL,
)
PLAIN_METRIC = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*")


@dataclass(frozen=True)
class Reference:
    """What a condition reads: a parameter, or a value of a step's report, metrics or outputs."""

    owner: str
    """A step's name, or `parameters`."""
    kind: str
    """`metrics`, `reports`, `final_metrics`, `outputs`, `parameters` or `item`."""
    path: str
    """The name of the parameter, metric, output or field; in a report the path of `Std:JsonGet`."""
    report: str = ""
    """Of `reports`: the name of the report that the path is in."""

    def __str__(self) -> str:
        if self.kind == ITEM:
            return f"{ITEM}.{self.path}" if self.path else ITEM
        if self.kind == PARAMETERS:
            return f"{self.owner}.{self.path}"
        name = metric_name(self.path) if self.kind == FINAL_METRICS else self.path
        kind = f"{REPORTS}.{self.report}" if self.report else self.kind
        return f"{self.owner}.{kind}{'' if name.startswith('[') else '.'}{name}"


def metric_name(name: str) -> str:
    """Return a metric's name as it is written behind `final_metrics`: `auc`, `["test:rmse"]`."""
    return name if PLAIN_METRIC.fullmatch(name) else f'["{name}"]'


@dataclass(frozen=True)
class Comparison:
    """`left operator right`."""

    operator: Operator
    left: Operand
    right: Operand


@dataclass(frozen=True)
class Membership:
    """`query in [values]`, or not in it."""

    query: Operand
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True)
class AllOf:
    """True where every part is."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class AnyOf:
    """True where a part is."""

    parts: tuple[Expression, ...]


Operand = Value | Reference
Leaf = Comparison | Membership
Expression = Leaf | AllOf | AnyOf


@lru_cache(maxsize=1024)
def parse_condition(text: str) -> Expression:
    """Return the condition that a text says, negations worked into its comparisons.

    Raises the fault of a configuration value that is not one.
    """
    return _Parser(text).whole()


def check_condition(text: str) -> str:
    """Return a text that is a condition as it is."""
    parse_condition(text)
    return text


def clauses(condition: Expression) -> tuple[tuple[Leaf, ...], ...]:
    """Return the condition as clauses that all hold, each where one of its leaves does.

    The definition language takes no more than this at the top of a Condition step.
    """
    if isinstance(condition, AllOf):
        return tuple(clause for part in condition.parts for clause in clauses(part))
    if isinstance(condition, AnyOf):
        joined: tuple[tuple[Leaf, ...], ...] = ((),)
        for part in condition.parts:
            joined = tuple((*one, *other) for one in joined for other in clauses(part))
        return tuple(tuple(dict.fromkeys(clause)) for clause in joined)
    return ((condition,),)


def references(condition: Expression) -> Iterator[Reference]:
    """Yield what a condition reads, in the order written."""
    if isinstance(condition, (AllOf, AnyOf)):
        for part in condition.parts:
            yield from references(part)
    else:
        operands = (
            (condition.left, condition.right)
            if isinstance(condition, Comparison)
            else (condition.query,)
        )
        yield from (operand for operand in operands if isinstance(operand, Reference))


def read_reference(text: str) -> Reference | None:
    """Return the reference that a text is as a whole; None where it is none."""
    item = ITEM_TEXT.fullmatch(text)
    if item is not None:
        return Reference(ITEM, ITEM, item[1] or "")
    match = TOKEN.fullmatch(text)
    if match is None or match["reference"] is None:
        return None
    owner, *parts = re.split(r"(?=[.\[])", match["reference"], maxsplit=1)
    found = list(PART.finditer(parts[0]))
    names = [part["name"] or part["index"] or f'["{part["quoted"]}"]' for part in found]
    if owner == PARAMETERS:
        return Reference(PARAMETERS, PARAMETERS, names[0]) if len(names) == 1 else None
    if len(names) < 2 or names[0] not in (METRICS, REPORTS, FINAL_METRICS, OUTPUTS):
        return None
    if names[0] == REPORTS:
        is_named = len(names) > 2 and not names[1].startswith("[")
        return Reference(owner, REPORTS, _path(names[2:]), names[1]) if is_named else None
    if names[0] == FINAL_METRICS and any(name.startswith("[") for name in names):
        quoted = found[1]["quoted"] if len(names) == 2 else None
        return Reference(owner, FINAL_METRICS, quoted) if quoted and "'" not in quoted else None
    if names[0] == OUTPUTS and (len(names) > 2 or names[1].startswith("[")):
        return None
    return Reference(owner, names[0], _path(names[1:]))


def _path(names: list[str]) -> str:
    return names[0] + "".join(n if n.startswith("[") else f".{n}" for n in names[1:])


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._read(text))
        self._at = 0

    def _read(self, text: str) -> Iterator[tuple[str, str]]:
        position = 0
        while text[position:].strip():
            match = TOKEN.match(text, position)
            if match is None:
                rest = text[position:].strip()
                raise self._fault(f"cannot be read from '{rest}' on")
            kind = str(match.lastgroup)
            yield kind, match[kind]
            position = match.end()

    def whole(self) -> Expression:
        condition = self._any(negated=False)
        if self._at < len(self._tokens):
            raise self._fault(f"ends before '{self._tokens[self._at][1]}'")
        return condition

    def _any(self, *, negated: bool) -> Expression:
        parts = [self._all(negated=negated)]
        while self._take("or"):
            parts.append(self._all(negated=negated))
        return _joined(AllOf if negated else AnyOf, parts)

    def _all(self, *, negated: bool) -> Expression:
        parts = [self._negation(negated=negated)]
        while self._take("and"):
            parts.append(self._negation(negated=negated))
        return _joined(AnyOf if negated else AllOf, parts)

    def _negation(self, *, negated: bool) -> Expression:
        if self._take("not"):
            return self._negation(negated=not negated)
        if self._take("("):
            inside = self._any(negated=negated)
            self._expect(")")
            return inside
        return self._comparison(negated=negated)

    def _comparison(self, *, negated: bool) -> Leaf:
        left = self._operand()
        if self._take("not"):
            self._expect("in")
            return Membership(left, self._values(), not negated)
        if self._take("in"):
            return Membership(left, self._values(), negated)
        kind, operator = self._next("a comparison such as >=, or 'in'")
        if kind != "operator":
            raise self._fault(f"has '{operator}' where a comparison such as >= or 'in' is expected")
        known: Operator = next(name for name in OPPOSITES if name == operator)
        comparison = Comparison(OPPOSITES[known] if negated else known, left, self._operand())
        if not any(references(comparison)):
            raise self._fault("compares two constants")
        return comparison

    def _values(self) -> tuple[Value, ...]:
        self._expect("[")
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._expect("]")
        return tuple(values)

    def _literal(self) -> Value:
        value = self._operand()
        if isinstance(value, Reference):
            raise self._fault(f"has '{value}' where a number or a text in quotes is expected")
        return value

    def _operand(self) -> Operand:
        kind, token = self._next("a value")
        if kind == "number":
            return int(token) if re.fullmatch(r"-?\d+", token) else float(token)
        if kind == "text":
            return token[1:-1]
        if kind == "word" and token.lower() in ("true", "false"):
            return token.lower() == "true"
        reference = read_reference(token) if kind == "reference" else None
        if reference is None:
            raise self._fault(f"has '{token}' where a value is expected")
        return reference

    def _take(self, token: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] in (
            ("word", token),
            ("mark", token),
        )
        self._at += found
        return found

    def _expect(self, token: str) -> None:
        if not self._take(token):
            found = self._next(f"'{token}'")[1]
            raise self._fault(f"has '{found}' where '{token}' is expected")

    def _next(self, wanted: str) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise self._fault(f"ends where {wanted} is expected")
        self._at += 1
        return self._tokens[self._at - 1]

    def _fault(self, reason: str) -> Exception:
        return fault(
            f"is not a condition: it {reason}",
            "comparisons of STEP.metrics.PATH, STEP.reports.NAME.PATH, STEP.final_metrics.NAME, "
            'STEP.final_metrics["NAME"], STEP.outputs.NAME or parameters.NAME with a number, true, false '
            "or a text in quotes, joined by and, or, not, in",
            "for example: evaluate.metrics.auc >= 0.85 and not parameters.stage in ['test']",
        )


def _joined(kind: type[AllOf] | type[AnyOf], parts: list[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))
