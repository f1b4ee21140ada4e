"""The order in which a state machine starts its steps: sequences, and branches side by side.

A step waits for all that it has to wait for, and where steps do not nest for some that it need not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from smp.export.stepfunctions.outcomes import Outcomes
from smp.export.workflow import Workflow


@dataclass(frozen=True)
class Fork:
    """Blocks side by side."""

    branches: tuple[Block, ...]


Item = str | Fork
Block = tuple[Item, ...]
"""Steps and forks, one after the other."""


def plan_blocks(workflow: Workflow, most_at_once: int | None = None) -> Block:
    """Return all steps of a workflow, at most so many jobs at once."""
    return _Planner(workflow).block(tuple(task.name for task in workflow.tasks), most_at_once)


def steps_of(items: Iterable[Item]) -> Iterator[str]:
    """Yield every step in items, each after all it waits for."""
    for item in items:
        if isinstance(item, Fork):
            for branch in item.branches:
                yield from steps_of(branch)
        else:
            yield item


class _Planner:
    def __init__(self, workflow: Workflow) -> None:
        self._waits = workflow.waits_for()
        self._outcomes = Outcomes(workflow)

    def block(self, steps: tuple[str, ...], limit: int | None) -> Block:
        """Return steps, which come in an order that is allowed, as a block."""
        if len(steps) < 2:
            return steps
        parts = self._parts(steps)
        if len(parts) > 1:
            return self._side_by_side(parts, limit)
        sources = [step for step in steps if not set(self._waits[step]) & set(steps)]
        if len(sources) == 1:
            return (sources[0], *self.block(_without(steps, sources), limit))
        first = self._before_joins(steps)
        return (*self.block(first, limit), *self.block(_without(steps, first), limit))

    def _side_by_side(self, parts: list[tuple[str, ...]], limit: int | None) -> Block:
        chains = self._ways(parts)
        blocks = [self._chain(chain, limit) for chain in chains]
        if len(blocks) == 1:
            return blocks[0]
        if limit is not None and sum(map(self._width, blocks)) > limit:
            if limit == 1:
                return tuple(item for block in blocks for item in block)
            blocks = self._limited(chains, blocks, limit)
        return (Fork(tuple(blocks)),)

    def _chain(self, chain: list[tuple[str, ...]], limit: int | None) -> Block:
        return tuple(item for part in chain for item in self.block(part, limit))

    def _limited(
        self, chains: list[list[tuple[str, ...]]], blocks: list[Block], limit: int
    ) -> list[Block]:
        """Return as many blocks as may run at once; each gets a share of the limit."""
        if len(blocks) > limit:
            lanes = [blocks_of for lane in range(limit) if (blocks_of := chains[lane::limit])]
            return [tuple(i for chain in lane for i in self._chain(chain, 1)) for lane in lanes]
        shares = [1] * len(blocks)
        for _ in range(limit - len(blocks)):
            widest = max(
                range(len(blocks)), key=lambda index: self._width(blocks[index]) - shares[index]
            )
            shares[widest] += 1
        return [self._chain(chain, share) for chain, share in zip(chains, shares, strict=True)]

    def _width(self, block: Block) -> int:
        """Return how many steps of a block may run at once."""
        return max(
            (
                sum(map(self._width, item.branches)) if isinstance(item, Fork) else 1
                for item in block
            ),
            default=0,
        )

    def _ways(self, parts: list[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
        """Put parts of which one run takes one only, the sides of a condition, into one chain."""
        required = {part: self._outcomes.required_by_all(part) for part in parts}
        divider = self._divider(list(required.values()))
        if divider is None:
            return [[part] for part in parts]
        sides: dict[frozenset[str], list[str]] = {}
        for part in parts:
            if divider in required[part]:
                sides.setdefault(required[part][divider], []).extend(part)
        left = [part for part in parts if divider not in required[part]]
        chain = [self._in_order(side) for side in sides.values()]
        return [chain, *(self._ways(left) if left else [])]

    def _divider(self, required: list[Mapping[str, frozenset[str]]]) -> str | None:
        """Return the step whose outcome decides between most of the parts; None where none does."""
        best: str | None = None
        most = 0
        for step in dict.fromkeys(step for needs in required for step in needs):
            wanted = [needs[step] for needs in required if step in needs]
            distinct = set(wanted)
            apart = sum(map(len, distinct)) == len(frozenset().union(*distinct))
            if len(distinct) > 1 and apart and len(wanted) > most:
                best, most = step, len(wanted)
        return best

    def _in_order(self, steps: Iterable[str]) -> tuple[str, ...]:
        chosen = set(steps)
        return tuple(step for step in self._waits if step in chosen)

    def _parts(self, steps: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return the groups of steps of which none waits for one of another group."""
        group = {step: {step} for step in steps}
        for step in steps:
            for above in self._waits[step]:
                if above in group and group[above] is not group[step]:
                    group[above] |= group[step]
                    for member in group[step]:
                        group[member] = group[above]
        unique = {id(members): members for members in group.values()}
        return [tuple(step for step in steps if step in members) for members in unique.values()]

    def _before_joins(self, steps: tuple[str, ...]) -> tuple[str, ...]:
        """Return the first steps of a connected group with several sources, up to where all meet.

        That is all but one step and what follows it, where this leaves parts that do not meet; else all
        but every step where parts meet, and what follows these.
        """
        candidates = [
            _without(steps, self._following(steps, {step}))
            for step in steps
            if len(set(self._waits[step]) & set(steps)) > 1
        ]
        apart = [first for first in candidates if len(self._parts(first)) > 1]
        if apart:
            return max(apart, key=len)
        return _without(steps, self._following(steps, self._joins(steps)))

    def _joins(self, steps: tuple[str, ...]) -> set[str]:
        source_of: dict[str, str] = {}
        joins: set[str] = set()
        for step in steps:
            above = {source_of.get(name, name) for name in self._waits[step] if name in steps}
            if len(above) > 1 or above & joins:
                joins.add(step)
                source_of[step] = step
            else:
                source_of[step] = next(iter(above), step)
        return joins

    def _following(self, steps: tuple[str, ...], begin: set[str]) -> set[str]:
        found = set(begin)
        for step in steps:
            if found.intersection(self._waits[step]):
                found.add(step)
        return found


def _without(steps: Iterable[str], left_out: Iterable[str]) -> tuple[str, ...]:
    out = set(left_out)
    return tuple(step for step in steps if step not in out)
