"""The words for how long an execution takes at most and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smp.review.diff.bounds import cost
from smp.review.diff.change_text import ARROW
from smp.review.diff.changes import Bound, Bounds

NO_LIMIT = "no limit"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class BoundRow:
    """One kind of job on one type before and after; empty where a side has none."""

    job: str
    instance_type: str
    before: str
    after: str
    price: str
    notes: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return self.before != self.after


def bound_rows(bounds: Bounds) -> list[BoundRow]:
    """Return the upper bounds as a table shows them."""
    old = {(bound.job, bound.instance_type): bound for bound in bounds.before}
    new = {(bound.job, bound.instance_type): bound for bound in bounds.after}
    rows = []
    for key in dict.fromkeys((*new, *old)):
        one = new.get(key) or old[key]
        price = UNKNOWN if one.price is None else f"{one.price:g} {bounds.currency}"
        sides = (_hours(old.get(key)), _hours(new.get(key)))
        rows.append(BoundRow(*key, *sides, price if bounds.prices_of else "", one.notes))
    return rows


def _hours(bound: Bound | None) -> str:
    return "" if bound is None else NO_LIMIT if bound.hours is None else hours(bound.hours)


def hours(value: float) -> str:
    """Write `0.5 h`, `1,200 h`."""
    return f"{value:,.2f}".rstrip("0").rstrip(".") + " h"


def bounds_headline(bounds: Bounds) -> str:
    """Return the totals in one line."""
    old, new = (_total(side) for side in (bounds.before, bounds.after))
    if not bounds.before or not bounds.after:
        return f"at most {new if bounds.after else old} an execution"
    if old != new and _limitless(bounds.before) == _limitless(bounds.after):
        known = _known_hours(bounds.before).removesuffix(" instance-hours")
        return f"at most {known} {ARROW} {new} an execution"
    if old != new:
        return f"at most {old} {ARROW} {new} an execution"
    machines = ", on other machines" if any(row.differs for row in bound_rows(bounds)) else ""
    return f"at most {new} an execution, as before{machines}"


def _total(bounds: Sequence[Bound]) -> str:
    text, limitless = _known_hours(bounds), _limitless(bounds)
    return f"{text} (and {', '.join(limitless)} without a limit)" if limitless else text


def _known_hours(bounds: Sequence[Bound]) -> str:
    known = sum(bound.hours or 0 for bound in bounds)
    return f"{hours(known).removesuffix(' h')} instance-hours"


def _limitless(bounds: Sequence[Bound]) -> list[str]:
    return sorted({bound.job for bound in bounds if bound.hours is None})


def cost_words(bounds: Bounds) -> str:
    """Return the upper bound of the cost and what is not in it."""
    if not bounds.prices_of:
        return "cost unknown: the workspace has no prices.json"
    sides = [side for side in (bounds.before, bounds.after) if side]
    known = dict.fromkeys(_cost(side, bounds.currency) for side in sides)
    present = bounds.after or bounds.before
    missing = sorted({f"{b.job} on {b.instance_type}" for b in present if b.price is None})
    limitless = _limitless(present)
    notes = [f"price unknown: {', '.join(missing)}"] * bool(missing)
    notes += [f"{', '.join(limitless)} without a limit not counted"] * bool(limitless)
    extra = f"; {'; '.join(notes)}" if notes else ""
    return f"cost at most {f' {ARROW} '.join(known)} (prices of {bounds.prices_of}){extra}"


def _cost(bounds: Sequence[Bound], currency: str) -> str:
    unknown = any(bound.hours and bound.price is None for bound in bounds)
    return f"{cost(tuple(bounds)):,.2f} {currency}{' and what is unknown' if unknown else ''}"


def bound_notes(bounds: Bounds) -> tuple[str, ...]:
    """Return what a reader of the hours has to know, each once."""
    notes = [note for bound in (*bounds.after, *bounds.before) for note in bound.notes]
    return tuple(dict.fromkeys(notes))
