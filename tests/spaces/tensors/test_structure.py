"""Tensors nested in any way are taken apart in one order, and put together again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from parefront.spaces.tensors.structure import Structure, StructureError

A, B, C = (torch.full((1,), float(n)) for n in range(3))


@dataclass(frozen=True)
class Frozen:
    one: Tensor
    two: Any = None


class Named(NamedTuple):
    one: Tensor
    two: Tensor


NESTED: dict[str, tuple[Any, list[str]]] = {
    "a tensor": (A, ["output"]),
    "a tuple": ((A, B), ["output_0", "output_1"]),
    "a list": ([A, B], ["output_0", "output_1"]),
    "a dict": ({"b": A, "a": B}, ["b", "a"]),
    "an ordered dict": (OrderedDict(b=A, a=B), ["b", "a"]),
    "a named tuple": (Named(A, B), ["one", "two"]),
    "a dataclass": (Frozen(A, B), ["one", "two"]),
    "None in between": ((None, A, {"x": None, "y": B}), ["output_1", "output_2_y"]),
    "nested": ({"boxes": [A, (B,)], "rest": Frozen(C)}, ["boxes_0", "boxes_1_0", "rest_one"]),
    "keys that are no words": ({"a.b": A, 3: B}, ["a_b", "output_3"]),
}


@pytest.mark.parametrize("value", NESTED)
def test_each_tensor_has_a_name_made_of_where_it_lies(value: str) -> None:
    nested, names = NESTED[value]
    assert Structure.of(nested).names("output") == names


@pytest.mark.parametrize("value", NESTED)
def test_what_is_restored_is_nested_alike_and_holds_the_other_tensors(value: str) -> None:
    nested, names = NESTED[value]
    structure = Structure.of(nested)
    others = [torch.full((1,), 10.0 + n) for n in range(len(names))]
    restored = structure.restore(others)
    assert type(restored) is type(nested)
    assert str(Structure.of(restored)) == str(structure)
    assert all(one is other for one, other in zip(structure.flatten(restored), others, strict=True))
    assert all(one is not other for one, other in zip(structure.flatten(nested), others, strict=True))


def test_a_dict_is_taken_apart_by_its_keys_and_not_by_their_order() -> None:
    structure = Structure.of({"a": A, "b": B})
    assert structure.flatten({"b": B, "a": A}) == [A, B]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": A}, "without b"),
        ({"a": A, "b": B, "c": C}, "with c"),
        ((A, B), "dict of a, b, got tuple of 2 without a"),
        (A, "dict of a, b, got .*Tensor.* without a"),
    ],
)
def test_another_structure_is_refused_by_what_differs(value: Any, says: str) -> None:
    with pytest.raises(StructureError, match=says):
        Structure.of({"a": A, "b": B}).flatten(value)


@pytest.mark.parametrize(
    ("value", "says"),
    [("text", "got str"), ((A, 1.0), "got float as 1"), ({"a": {"b": "x"}}, "as a.b"), ((), "without any")],
)
def test_anything_but_tensors_is_refused_with_where_it_lies(value: Any, says: str) -> None:
    with pytest.raises(StructureError, match=says):
        Structure.of(value)
