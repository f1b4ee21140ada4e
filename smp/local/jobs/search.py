"""The search of a tuning step: which hyperparameters to try next, and when a trial is hopeless.

The search itself is Optuna's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smp.errors import Problem
from smp.local.jobs.context import StepFailure

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

STRATEGIES = ("Bayesian", "Random", "Grid")
AUTO_LOGARITHMIC_RATIO = 1000
"""With ScalingType Auto a range is searched by its logarithm from this ratio of its ends on."""
STARTUP_TRIALS = 5
"""Trials that must have ended before Bayesian search or early stopping judges by them."""


@dataclass(frozen=True)
class Range:
    """One tuned hyperparameter. `kind` is Integer, Continuous or Categorical."""

    name: str
    kind: str
    values: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    scaling: str = "Auto"

    def distribution(self) -> BaseDistribution:
        """Return what Optuna samples; a reverse logarithmic range is sampled as its distance from 1."""
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        if self.kind == "Categorical":
            return CategoricalDistribution(self.values)
        if self.kind == "Integer":
            return IntDistribution(int(self.low), int(self.high), log=self.is_logarithmic)
        if self.scaling == "ReverseLogarithmic":
            return FloatDistribution(1 - self.high, 1 - self.low, log=True)
        return FloatDistribution(self.low, self.high, log=self.is_logarithmic)

    @property
    def is_logarithmic(self) -> bool:
        if self.scaling == "Auto":
            return self.low > 0 and self.high / self.low >= AUTO_LOGARITHMIC_RATIO
        return self.scaling == "Logarithmic"

    def text(self, sampled: Any) -> str:
        """Return a sampled value as the hyperparameter's text."""
        if self.kind == "Continuous" and self.scaling == "ReverseLogarithmic":
            return repr(min(max(1 - float(sampled), self.low), self.high))
        return repr(float(sampled)) if self.kind == "Continuous" else str(sampled)

    def sampled(self, text: str) -> Any:
        """Return what was sampled to give a hyperparameter's text."""
        if self.kind == "Categorical":
            return text
        if self.kind == "Integer":
            return int(text)
        number = float(text)
        if self.scaling == "ReverseLogarithmic":
            return min(max(1 - number, 1 - self.high), 1 - self.low)
        return number

    def faults(self) -> Iterator[Problem]:
        """Yield what the service would refuse."""
        where = f"ParameterRanges.{self.name}"
        if self.kind == "Categorical":
            return
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low > self.high:
            yield Problem("MinValue must be a number of at most MaxValue", path=where)
        elif self.scaling == "Logarithmic" and self.low <= 0:
            yield Problem("with Logarithmic scaling MinValue must be greater than 0", path=where)
        elif self.scaling == "ReverseLogarithmic" and self.kind == "Integer":
            yield Problem("ReverseLogarithmic scaling is for continuous ranges only", path=where)
        elif self.scaling == "ReverseLogarithmic" and not 0 <= self.low <= self.high < 1:
            yield Problem("with ReverseLogarithmic scaling 0 <= range < 1 must hold", path=where)


def read_ranges(given: Mapping[str, Any]) -> list[Range]:
    """Read `ParameterRanges`; raises StepFailure with every fault."""
    found = [
        Range(item["Name"], "Categorical", values=tuple(item["Values"]))
        for item in given.get("CategoricalParameterRanges", [])
    ]
    problems = []
    for kind in ("Integer", "Continuous"):
        for item in given.get(f"{kind}ParameterRanges", []):
            try:
                low, high = (_number(item[end], kind) for end in ("MinValue", "MaxValue"))
            except ValueError as error:
                problems.append(Problem(str(error), path=f"ParameterRanges.{item['Name']}"))
                continue
            scaling = item.get("ScalingType", "Auto")
            found.append(Range(item["Name"], kind, low=low, high=high, scaling=scaling))
    if given.get("AutoParameters"):
        problems.append(
            Problem("automatic ranges are the service's own", path="ParameterRanges.AutoParameters")
        )
    problems += [fault for one in found for fault in one.faults()]
    if problems:
        raise StepFailure(problems)
    return found


def _number(text: str, kind: str) -> float:
    return int(text) if kind == "Integer" else float(text)


class Search:
    """Proposes the hyperparameters of one trial after another. Not for several threads."""

    def __init__(
        self,
        ranges: list[Range],
        strategy: str,
        *,
        maximize: bool,
        seed: int | None,
        stops_early: bool,
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._ranges = ranges
        self._distributions = {one.name: one.distribution() for one in ranges}
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if stops_early:
            pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS)
        self._study = optuna.create_study(
            direction="maximize" if maximize else "minimize",
            sampler=_sampler(strategy, seed),
            pruner=pruner,
        )
        self.size = self._fill_grid() if strategy == "Grid" else None
        """How many trials there are in all; None where there is no end."""

    def _fill_grid(self) -> int:
        open_ended = [one.name for one in self._ranges if one.kind != "Categorical"]
        if open_ended:
            raise StepFailure(
                f"the Grid strategy takes categorical ranges only; {', '.join(open_ended)} is not"
            )
        points = list(itertools.product(*(one.values for one in self._ranges)))
        for point in points:
            names = (one.name for one in self._ranges)
            self._study.enqueue_trial(dict(zip(names, point, strict=True)))
        return len(points)

    def propose(self) -> Proposal:
        """Return what to try next."""
        trial = self._study.ask(self._distributions)
        values = {one.name: one.text(trial.params[one.name]) for one in self._ranges}
        return Proposal(trial, values)

    def repeat(self, instead_of: Proposal, values: Mapping[str, str]) -> Proposal:
        """Return a proposal of values that were tried before, in place of one that will not be."""
        self.learn(instead_of, None)
        sampled = {one.name: one.sampled(values[one.name]) for one in self._ranges}
        self._study.enqueue_trial(sampled)
        return Proposal(self._study.ask(self._distributions), dict(values))

    def learn(
        self, proposal: Proposal, value: float | None, *, stopped_early: bool = False
    ) -> None:
        """Say what came of a trial; None where it failed."""
        from optuna.trial import TrialState

        usable = value is not None and math.isfinite(value)
        if stopped_early:
            self._study.tell(proposal.trial, state=TrialState.PRUNED)
        elif usable:
            self._study.tell(proposal.trial, value)
        else:
            self._study.tell(proposal.trial, state=TrialState.FAIL)


@dataclass
class Proposal:
    """The hyperparameters of one trial, as texts."""

    trial: Trial
    values: Mapping[str, str]
    reported: int = 0

    def is_hopeless(self, value: float) -> bool:
        """Take the trial's next objective value; return whether early stopping would end it."""
        if not math.isfinite(value):
            return False
        self.trial.report(value, self.reported)
        self.reported += 1
        return self.trial.should_prune()


def _sampler(strategy: str, seed: int | None) -> BaseSampler:
    from optuna.samplers import RandomSampler, TPESampler

    if strategy == "Bayesian":
        return TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
    return RandomSampler(seed=seed)
