"""The six fields of AWS's cron expressions, and rates, as EventBridge Scheduler documents them."""

from __future__ import annotations

import re
from dataclasses import dataclass


class CronError(ValueError):
    """A text that is not a cron expression or a rate: what is wrong, what is allowed, what to do."""

    def __init__(self, reason: str, allowed: str | None = None, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.allowed = allowed
        self.hint = hint


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""The most days that each month has."""

EXAMPLE = "such as 0 6 * * ? * (each day at 6:00)"


@dataclass(frozen=True)
class Field:
    """One field: its name, the numbers that it takes, names for them, and which marks it knows."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    steps: bool = True

    @property
    def allowed(self) -> str:
        """What is allowed there, for a message."""
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        marks = {"day of month": ", ?, L, 1W to 31W", "day of week": ", ?, 6L, 6#3"}
        forms = "a list, a range, *" + (", a step a/n" if self.steps else "")
        return f"{self.low} to {self.high}{names}; {forms}{marks.get(self.name, '')}"

    def number(self, text: str) -> int:
        """Return the number of a text."""
        if text.upper() in self.names:
            return self.names.index(text.upper()) + self.low
        if not re.fullmatch("[0-9]{1,4}", text) or not self.low <= int(text) <= self.high:
            raise _wrong(self, text)
        return int(text)


MINUTES = Field("minutes", 0, 59)
HOURS = Field("hours", 0, 23)
DAY_OF_MONTH = Field("day of month", 1, 31)
MONTH = Field("month", 1, 12, MONTHS)
DAY_OF_WEEK = Field("day of week", 1, 7, DAYS, steps=False)
YEAR = Field("year", 1970, 2199)
FIELDS = (MINUTES, HOURS, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR)


def check_cron(text: str) -> str:
    """Return the expression with single spaces; raises what is wrong with the first bad field."""
    if text.strip().startswith("cron("):
        raise CronError(
            "has 'cron(' around it", "the six fields alone", "leave out 'cron(' and ')'"
        )
    parts = text.split()
    if len(parts) != len(FIELDS):
        names = ", ".join(field.name for field in FIELDS)
        hint = "the year is required, as *" if len(parts) == len(FIELDS) - 1 else None
        raise CronError(f"has {len(parts)} fields", f"six: {names}; {EXAMPLE}", hint)
    for field, part in zip(FIELDS, parts, strict=True):
        _check_field(field, part)
    _check_days(*parts[2:5])
    return " ".join(parts)


def _wrong(field: Field, found: str, hint: str | None = None) -> Exception:
    return CronError(f"has '{found}' as {field.name}", field.allowed, hint)


def _check_field(field: Field, text: str) -> None:
    if text == "?" and field in (DAY_OF_MONTH, DAY_OF_WEEK):
        return
    items = text.split(",")
    for item in items:
        if not item:
            raise _wrong(field, text)
        alone = _is_special(field, item)
        if alone and len(items) > 1:
            raise _wrong(field, text, f"'{item}' must be the only item")
        if not alone:
            _check_item(field, item)


def _is_special(field: Field, item: str) -> bool:
    """Return whether an item is one of those that only a field of days knows; raises for a bad one."""
    if field is DAY_OF_MONTH and item.upper().endswith("W"):
        field.number(item[:-1])
        return True
    if field is DAY_OF_MONTH:
        return item.upper() == "L"
    if field is not DAY_OF_WEEK:
        return False
    day, mark, number = item.partition("#")
    if mark:
        field.number(day)
        if number not in ("1", "2", "3", "4", "5"):
            raise _wrong(field, item, "a month has at most five of a day: #1 to #5")
        return True
    if item.upper() == "L":
        return True
    if item.upper().endswith("L"):
        field.number(item[:-1])
        return True
    return False


def _check_item(field: Field, item: str) -> None:
    base, slash, step = item.partition("/")
    if slash:
        if not field.steps:
            raise _wrong(field, item, "write the days as a list")
        if not re.fullmatch("[0-9]{1,3}", step) or not 1 <= int(step) <= field.high - field.low:
            raise _wrong(field, item, f"a step is a number from 1 to {field.high - field.low}")
    if base == "*":
        return
    first, dash, last = base.partition("-")
    low = field.number(first)
    if dash and field.number(last) < low:
        hint = f"write two ranges: {first}-{_last(field)},{_first(field)}-{last}"
        raise CronError(f"has the range '{base}' backwards as {field.name}", field.allowed, hint)


def _first(field: Field) -> str:
    return field.names[0] if field.names else str(field.low)


def _last(field: Field) -> str:
    return field.names[-1] if field.names else str(field.high)


def _check_days(day_of_month: str, month: str, day_of_week: str) -> None:
    if (day_of_month == "?") == (day_of_week == "?"):
        both = "both days" if day_of_month == "?" else "neither day"
        reason = f"has ? for {both}"
        allowed = "? as day of month or as day of week: the other one has the value"
        hint = None if day_of_month == "?" or day_of_week != "*" else "write ? as day of week"
        raise CronError(reason, allowed, hint)
    days = re.findall("[0-9]+", day_of_month) if re.fullmatch("[0-9,]+", day_of_month) else []
    if not days or not re.fullmatch("[0-9A-Za-z,]+", month):
        return
    longest = max(LONGEST[MONTH.number(name) - 1] for name in month.split(","))
    if min(map(int, days)) > longest:
        raise CronError(f"never comes: no such month has a day {day_of_month}", f"1 to {longest}")


RATE = re.compile(r"([0-9]{1,6})\s+(minute|hour|day)(s?)")


def check_rate(text: str) -> str:
    """Return the rate with single spaces."""
    allowed = "a number and minutes, hours or days, such as 6 hours"
    if text.strip().startswith("rate("):
        raise CronError("has 'rate(' around it", allowed, "leave out 'rate(' and ')'")
    match = RATE.fullmatch(text.strip())
    if match is None:
        raise CronError("is not a rate", allowed)
    number, unit, plural = int(match[1]), match[2], match[3]
    if number == 0:
        raise CronError("is not a rate", "at least 1 minute")
    if (number == 1) == bool(plural):
        right = f"{number} {unit}" + ("" if number == 1 else "s")
        raise CronError("has the wrong number of its unit", right)
    return f"{number} {unit}{plural}"
