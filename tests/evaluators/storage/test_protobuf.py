"""The wire format of protobuf: fields are found where onnx's own reader finds them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from parefront.evaluators.storage.protobuf import nested

RAW_DATA = (7, 5, 9)


def test_the_weights_of_a_model_lie_where_it_says(conv_net: Callable[..., Path]) -> None:
    data = conv_net().read_bytes()
    held = [data[start:stop] for start, stop in nested(data, RAW_DATA)]
    assert held == [tensor.raw_data for tensor in onnx.load_from_string(data).graph.initializer]
    assert len(held) == 3


def test_numbers_and_fixed_widths_are_passed_over() -> None:
    varint, eight, four = b"\x08\x96\x01", b"\x11" + bytes(8), b"\x1d" + bytes(4)
    data = varint + eight + four + b"\x22\x03abc" + varint
    ((start, stop),) = nested(data, (4,))
    assert data[start:stop] == b"abc"


@pytest.mark.parametrize("data", [b"\x0f", b"\x22\x09abc", b"\x08\x96", b"\x11\x00", b"\xff" * 12])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="protobuf"):
        list(nested(data, (4,)))
