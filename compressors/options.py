"""The options of a method: what the config gives, checked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from ..spaces.network.graph import ModelGraph


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""Names, or patterns of them; one may stand without a list."""


class CompressorOptions(BaseModel):
    """The options of a method; unknown ones are refused.

    Attributes:
        exclude: patterns of names of layers, such as ``head.*``, that the method leaves as they are. Those
            that all methods leave out no repair and no training changes, either.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    exclude: Patterns = ()

    def left_out(self, graph: ModelGraph) -> frozenset[str]:
        """The layers of a network that :attr:`exclude` names.

        Raises:
            ConfigError: for a pattern that no layer matches.
        """
        return graph.matching(self.exclude)


def one_of(known: Collection[str]) -> _OneOf:
    """For options that name an entry of a table: refuses every other name, and lists those that there are."""
    return _OneOf(known)


@dataclass(frozen=True, eq=False)
class _OneOf:
    known: Collection[str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(self.known)}

    def _check(self, value: str) -> str:
        if value not in self.known:
            raise ValueError(f"expected {', '.join(self.known)}")
        return value


def _positive(value: int | str) -> int | str:
    if isinstance(value, int) and value < 1:
        raise ValueError("expected a positive number of channels or auto")
    return value


RoundTo = Annotated[int | Literal["auto"], AfterValidator(_positive)]
"""For options that keep channels to multiples: of a number, or of the device's vector width."""
