"""The batch client: sends the input objects to the server and puts its answers together.

An output object is there when all of its input has been processed, never in part.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .association import Association
from .invocations import Answer, Endpoint, InvocationError
from .plan import Plan
from .records import BadInputError, Batch, batches

PARTIAL = ".partial"
"""Ends the name of the file beside the output directory that an object's output grows in."""


@dataclass
class _Object:
    """An input object on its way."""

    name: str
    started: float = field(default_factory=time.monotonic)
    records: int = 0
    requests: int = 0
    fault: str | None = None


if TYPE_CHECKING:
    Sent = tuple[_Object, Batch | None, Future[Answer] | None]
    """A request under way; None after an object's last one."""


def run_batch(plan: Plan, endpoint: Endpoint) -> list[str]:
    """Transform every input object; return what is wrong with those that failed, the rest is done."""
    client = _Client(plan, endpoint)
    files = sorted(path for path in Path(plan.input).rglob("*") if path.is_file())
    return client.run(files)


class _Client:
    """Keeps as many requests under way as allowed, and takes their answers in order."""

    def __init__(self, plan: Plan, endpoint: Endpoint) -> None:
        self._plan = plan
        self._endpoint = endpoint
        self._association = Association(plan)
        self._faults: list[str] = []
        self._partial = Path(f"{plan.output}{PARTIAL}")
        self._file: BinaryIO | None = None

    def run(self, files: list[Path]) -> list[str]:
        at_once = self._plan.max_concurrent or 1
        under_way: deque[Sent] = deque()
        try:
            with ThreadPoolExecutor(at_once) as pool:
                for sent in self._send(files, pool):
                    under_way.append(sent)
                    if len(under_way) > 2 * at_once:
                        self._receive(*under_way.popleft())
                while under_way:
                    self._receive(*under_way.popleft())
        finally:
            self._discard()
        return self._faults

    def _send(self, files: list[Path], pool: ThreadPoolExecutor) -> Iterator[Sent]:
        for path in files:
            current = _Object(path.relative_to(self._plan.input).as_posix())
            with _noting_faults(current, current.name):
                for batch in batches(path, self._plan, self._association.to_send):
                    yield current, batch, pool.submit(self._endpoint.invoke, batch.payload)
                    if current.fault is not None:
                        break
            yield current, None, None

    def _receive(
        self, current: _Object, batch: Batch | None, answer: Future[Answer] | None
    ) -> None:
        if batch is None or answer is None:
            self._finish(current)
        elif current.fault is not None:
            answer.cancel()
        else:
            with _noting_faults(current, f"{current.name}, {batch}"):
                self._write(current, batch, answer.result())

    def _write(self, current: _Object, batch: Batch, answer: Answer) -> None:
        kept = self._association.to_keep(batch.records, answer.body, answer.content_type)
        file = self._output()
        file.write(kept)
        if self._plan.assemble == "Line" and not kept.endswith(b"\n"):
            file.write(b"\n")
        current.records += len(batch.records)
        current.requests += 1

    def _output(self) -> BinaryIO:
        if self._file is None:
            self._file = self._partial.open("wb")
        return self._file

    def _finish(self, current: _Object) -> None:
        if current.fault is None:
            with _noting_faults(current, current.name):
                self._keep(current)
        self._discard()
        if current.fault is not None:
            self._faults.append(current.fault)
            print(f"failed: {current.fault}", file=sys.stderr)
            return
        seconds = time.monotonic() - current.started
        print(
            f"{current.name}: records={current.records} requests={current.requests} "
            f"seconds={seconds:.3f}"
        )

    def _keep(self, current: _Object) -> None:
        self._output().close()
        path = Path(self._plan.output, f"{current.name}.out")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._partial.rename(path)

    def _discard(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self._partial.unlink(missing_ok=True)


@contextmanager
def _noting_faults(current: _Object, place: str) -> Iterator[None]:
    """Note what goes wrong with an object as its fault, so that the others continue."""
    try:
        yield
    except (BadInputError, InvocationError, LookupError, ValueError) as error:
        current.fault = current.fault or f"{place}: {error}"
    except Exception as error:  # the boundary between one object and the others
        traceback.print_exc()
        current.fault = current.fault or f"{place}: {type(error).__name__}: {error}"
