"""Splits input objects into records, and groups records into the requests that they are sent in."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from .plan import Plan

MEGABYTE = 1024 * 1024
_RECORD_IO_MAGIC = 0xCED7230A


class BadInputError(Exception):
    """An input object cannot be split as asked; the message says where and why."""


@dataclass(frozen=True)
class Batch:
    """What one request carries. `first` counts records from 1; `records` are they as they were read."""

    first: int
    records: tuple[bytes, ...]
    payload: bytes

    def __str__(self) -> str:
        last = self.first + len(self.records) - 1
        return f"record {last}" if last == self.first else f"records {self.first} to {last}"


def batches(path: Path, plan: Plan, to_send: Callable[[bytes], bytes]) -> Iterator[Batch]:
    """Yield an object's requests: as many records in each as the limit allows, or one.

    `to_send` gives what is sent of a record. Raises BadInputError, also for a record over the limit.
    """
    limit = (plan.max_payload_mb or 0) * MEGABYTE or None
    first, size = 1, 0
    records: list[bytes] = []
    parts: list[bytes] = []
    for number, record in enumerate(_records(path, plan), 1):
        try:
            part = to_send(record)
        except (LookupError, ValueError) as error:
            raise BadInputError(f"record {number}: {error}") from error
        if limit is not None and len(part) > limit:
            raise BadInputError(
                f"record {number} has {len(part):,} bytes, more than "
                f"MaxPayloadInMB = {plan.max_payload_mb}"
            )
        if records and (plan.single or (limit is not None and size + len(part) > limit)):
            yield Batch(first, tuple(records), b"".join(parts))
            first, size, records, parts = number, 0, [], []
        records.append(record)
        parts.append(part)
        size += len(part)
    if records:
        yield Batch(first, tuple(records), b"".join(parts))


def _records(path: Path, plan: Plan) -> Iterator[bytes]:
    split = {"Line": _lines, "RecordIO": _record_io, "TFRecord": _tf_records, "None": _whole}
    with _open(path, plan.compressed) as file:
        try:
            yield from split[plan.split](file, plan.single)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadInputError(f"it cannot be read as gzip: {error}") from error


def _open(path: Path, compressed: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if compressed else path.open("rb")


def _whole(file: BinaryIO, _single: bool) -> Iterator[bytes]:
    content = file.read()
    if content:
        yield content


def _lines(file: BinaryIO, _single: bool) -> Iterator[bytes]:
    """Yield the lines with their line ends, but for empty ones."""
    return (line for line in file if line.strip(b"\r\n"))


def _record_io(file: BinaryIO, single: bool) -> Iterator[bytes]:
    """Yield RecordIO records: framed, or without frame and padding where each is sent alone."""
    framed = content = b""
    while head := file.read(8):
        magic, word = struct.unpack("<II", _full(head, 8))
        if magic != _RECORD_IO_MAGIC:
            raise BadInputError(
                "it is not in RecordIO format: a record does not begin with its mark"
            )
        part, length = word >> 29, word & 0x1FFFFFFF
        padded = (length + 3) & ~3
        data = _exactly(file, padded)
        if part in (2, 3):  # the mark was taken out where a record held it
            content += struct.pack("<I", _RECORD_IO_MAGIC)
        framed, content = framed + head + data, content + data[:length]
        if part in (0, 3):
            yield content if single else framed
            framed = content = b""
    if framed:
        raise BadInputError("it ends inside a record")


def _tf_records(file: BinaryIO, single: bool) -> Iterator[bytes]:
    """Yield TFRecord records: length, checksum, data, checksum; or the data alone."""
    while head := file.read(12):
        (length,) = struct.unpack("<Q", _full(head, 12)[:8])
        data = _exactly(file, length)
        tail = _exactly(file, 4)
        yield data if single else head + data + tail


def _exactly(file: BinaryIO, length: int) -> bytes:
    """Read so many bytes, in pieces: memory is taken for what is there, not for what is announced."""
    data = bytearray()
    while len(data) < length:
        piece = file.read(min(length - len(data), MEGABYTE))
        if not piece:
            break
        data += piece
    return _full(bytes(data), length)


def _full(data: bytes, length: int) -> bytes:
    if len(data) < length:
        raise BadInputError(f"it ends inside a record: {len(data):,} of {length:,} bytes are there")
    return data
