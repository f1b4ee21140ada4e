"""RecordIO files of protobuf records with Float32 tensors: the format that SageMaker's algorithms train on.

Knows the frame of a record and the message `aialgs.data.Record` as the SageMaker developer guide publishes
it ("Common data formats for training"); never what the numbers mean.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

VALUES = "values"
"""The name of the one feature vector, and of the one label vector, of a record."""

MAGIC = 0xCED7230A
MARK = struct.pack("<I", MAGIC)
WHOLE, FIRST, LAST, MIDDLE = 0, 1, 3, 2
MAX_PART = (1 << 29) - 1

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
FLOAT32_TENSOR = 2
TENSOR_KINDS = {2: "Float32", 3: "Float64", 7: "Int32", 9: "Bytes"}


@dataclass(frozen=True)
class Tensor:
    """Numbers: all of them, or with ``keys`` those of a sparse vector that has ``shape[0]`` of them."""

    values: tuple[float, ...]
    keys: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Record:
    """One observation. The vectors have names; the usual one is ``values``."""

    features: Mapping[str, Tensor]
    label: Mapping[str, Tensor] = field(default_factory=dict)


class FormatError(ValueError):
    """Bytes that are not what they should be."""


def write_records(file: BinaryIO, records: Iterable[Record]) -> int:
    """Write records one after another; return how many."""
    count = 0
    for record in records:
        file.write(frame(encode_record(record)))
        count += 1
    return count


def read_records(file: BinaryIO) -> Iterator[Record]:
    """Read records until the file ends. Raises FormatError."""
    return (decode_record(payload) for payload in unframed(file))


def frame(payload: bytes) -> bytes:
    """Return a payload as a RecordIO record: mark, kind of part and length, content, padding to four bytes.

    Where the mark itself stands in the content, at a multiple of four, it is taken out and the record
    goes on in a further part: a reader may look for marks to find records.
    """
    cuts = [at for at in _marks(payload) if at % 4 == 0]
    if not cuts:
        return _part(WHOLE, payload)
    begins, ends = [0, *(at + 4 for at in cuts)], [*cuts, len(payload)]
    kinds = [FIRST, *[MIDDLE] * (len(cuts) - 1), LAST]
    return b"".join(
        _part(kind, payload[begin:end])
        for kind, begin, end in zip(kinds, begins, ends, strict=True)
    )


def unframed(file: BinaryIO) -> Iterator[bytes]:
    """Read the payloads of a RecordIO file. Raises FormatError."""
    parts: list[bytes] = []
    while head := file.read(8):
        mark, word = struct.unpack("<II", _exactly(head, 8))
        if mark != MAGIC:
            raise FormatError("it is not in RecordIO format: a record does not begin with its mark")
        kind, length = word >> 29, word & MAX_PART
        if (kind in (WHOLE, FIRST)) != (not parts):
            raise FormatError("its parts are not in order")
        padded = (length + 3) & ~3
        parts.append(_exactly(file.read(padded), padded)[:length])
        if kind in (WHOLE, LAST):
            yield MARK.join(parts)
            parts = []
    if parts:
        raise FormatError("it ends inside a record")


def encode_record(record: Record) -> bytes:
    """Return the protobuf message of a record, maps in the order of their names."""
    fields = ((1, record.features), (2, record.label))
    return b"".join(
        _field(number, _field(1, name.encode(), even_empty=True) + _field(2, _value(tensors[name])))
        for number, tensors in fields
        for name in sorted(tensors)
    )


def decode_record(payload: bytes) -> Record:
    """Read the protobuf message of a record. Raises FormatError, also for tensors of other numbers."""
    maps: dict[int, dict[str, Tensor]] = {1: {}, 2: {}}
    for number, content in _fields(payload):
        if number in maps and isinstance(content, bytes):
            entry = dict(_fields(content))
            name, value = entry.get(1, b""), entry.get(2, b"")
            maps[number][bytes(name).decode()] = _tensor(bytes(value))
    return Record(maps[1], maps[2])


def _value(tensor: Tensor) -> bytes:
    content = _field(1, struct.pack(f"<{len(tensor.values)}f", *tensor.values))
    for number, whole in ((2, tensor.keys), (3, tensor.shape)):
        if whole:
            content += _field(number, b"".join(map(_varint, whole)))
    return _field(FLOAT32_TENSOR, content, even_empty=True)


def _tensor(value: bytes) -> Tensor:
    for kind, content in _fields(value):
        if kind != FLOAT32_TENSOR:
            found = TENSOR_KINDS.get(kind, f"unknown ({kind})")
            raise FormatError(f"it has a tensor of kind {found}; only Float32 is read here")
        return _float32_tensor(bytes(content))
    raise FormatError("it has a value without a tensor")


def _float32_tensor(content: bytes) -> Tensor:
    values: list[float] = []
    whole: dict[int, list[int]] = {2: [], 3: []}
    for number, packed in _fields(content):
        if number == 1:
            if len(packed) % 4:
                raise FormatError("its values are no Float32 numbers")
            values += struct.unpack(f"<{len(packed) // 4}f", packed)
        elif number in whole:
            whole[number] += _varints(packed)
    if whole[2] and len(whole[2]) != len(values):
        raise FormatError(f"it has {len(whole[2])} keys for {len(values)} values")
    return Tensor(tuple(values), tuple(whole[2]), tuple(whole[3]))


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of a message's fields; a varint's content is its own bytes."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        wire = tag & 7
        if wire == LENGTH:
            length, at = _read_varint(message, at)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        elif wire == VARINT:
            length = _read_varint(message, at)[1] - at
        else:
            raise FormatError(f"it is no protobuf message: wire type {wire}")
        if at + length > len(message):
            raise FormatError("it is no protobuf message: a field leads out of it")
        yield tag >> 3, message[at : at + length]
        at += length


def _field(number: int, content: bytes, *, even_empty: bool = False) -> bytes:
    if not content and not even_empty:
        return b""
    return _varint(number << 3 | LENGTH) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _varints(packed: bytes) -> Iterator[int]:
    at = 0
    while at < len(packed):
        number, at = _read_varint(packed, at)
        yield number


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number and where the next thing begins."""
    number = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise FormatError("it is no protobuf message: it ends inside a number")


def _part(kind: int, content: bytes) -> bytes:
    if len(content) > MAX_PART:
        raise FormatError(f"a record has {len(content):,} bytes; RecordIO takes {MAX_PART:,}")
    return MARK + struct.pack("<I", kind << 29 | len(content)) + content + bytes(-len(content) % 4)


def _marks(payload: bytes) -> Iterator[int]:
    at = payload.find(MARK)
    while at >= 0:
        yield at
        at = payload.find(MARK, at + 4 if at % 4 == 0 else at + 1)


def _exactly(data: bytes, length: int) -> bytes:
    if len(data) < length:
        raise FormatError("it ends inside a record")
    return data
