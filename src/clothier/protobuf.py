"""Reads protobuf messages, and the properties of ONNX models, without ``onnx``, which only training needs.

Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_FIELDS = 1_000_000  # of one message: bounds the time of reading it
METADATA_PROPS = 14  # field of a ModelProto


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message.

    Raises:
        ValueError: it is not a message, or is cut short.
    """
    return ((number, value) for number, value, _ in _spans(message))


def without_properties(model: bytes) -> bytes:
    """A serialized ONNX model without its ``metadata_props``: what determines its outputs.

    Raises:
        ValueError: it is not a protobuf message.
    """
    content = memoryview(model)
    return b"".join(content[span] for number, _, span in _spans(content) if number != METADATA_PROPS)


def with_properties(model: bytes, properties: Mapping[str, str]) -> bytes:
    """A serialized ONNX model with these ``metadata_props`` in place of its own; nothing else of it changes.

    Raises:
        ValueError: it is not a protobuf message.
    """
    entries = (_encode(METADATA_PROPS, _encode(1, k.encode()) + _encode(2, v.encode())) for k, v in properties.items())
    return without_properties(model) + b"".join(entries)


def _spans(message: memoryview) -> Iterator[tuple[int, int | memoryview, slice]]:
    """Number and value of each field, and where it is."""
    at = 0
    for _ in range(MAX_FIELDS):
        if at >= len(message):
            return
        start = at
        key, at = _varint(message, at)
        kind, size = key & 7, {1: 8, 5: 4}.get(key & 7, 0)
        if kind not in (0, 1, 2, 5) or key >= 2**32:
            raise ValueError("it is not a protobuf message")
        if kind in (0, 2):
            size, at = _varint(message, at)
        if kind == 0:
            yield key >> 3, size, slice(start, at)
            continue
        if at + size > len(message):
            raise ValueError("it is cut short")
        yield key >> 3, message[at : at + size], slice(start, at + size)
        at += size
    raise ValueError(f"it has more than {MAX_FIELDS:,} parts")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """An integer and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it is cut short")
        value |= (message[at] & 127) << shift
        at += 1
        if message[at - 1] < 128:
            return value, at
    raise ValueError("it is not a protobuf message")


def _encode(number: int, content: bytes) -> bytes:
    """A field of text or of a message."""
    return _encode_varint(number << 3 | 2) + _encode_varint(len(content)) + content


def _encode_varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
