"""Wrappers that compute what the module inside computes are seen through, and the user's model is left as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from parefront.spaces.errors import TraceError
from parefront.spaces.network.wrappers import evaluating, unwrapped

from ...flat import images

WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "data parallel": nn.DataParallel,
    "averaged": AveragedModel,
    "compiled": lambda model: torch.compile(model),  # type: ignore[dict-item, return-value]
    "averaged of data parallel": lambda model: AveragedModel(nn.DataParallel(model)),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapper_is_seen_through(wrapper: str) -> None:
    inner = nn.Linear(3, 2)
    found = unwrapped(WRAPPERS[wrapper](inner))
    assert type(found) is nn.Linear
    assert torch.equal(found.weight, inner.weight)


class Scaling(nn.Module):
    """Holds a module as wrappers do, but computes something else."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.module(x)  # type: ignore[no-any-return]


def test_a_module_that_computes_something_of_its_own_is_no_wrapper() -> None:
    model = Scaling(nn.Linear(3, 2))
    assert unwrapped(model) is model


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_torchscript_is_refused_naming_what_to_pass() -> None:
    scripted = torch.jit.script(nn.Linear(3, 2))
    with pytest.raises(TraceError, match=r"the model is TorchScript .*; pass the nn.Module that it was made from"):
        unwrapped(scripted)
    with pytest.raises(TraceError, match="its module '1' is TorchScript"):
        unwrapped(nn.Sequential(nn.ReLU(), scripted))


class Remembering(nn.Module):
    """Keeps a tensor of the batch that it saw first."""

    def forward(self, x: Tensor) -> Tensor:
        assert not self.training
        if not hasattr(self, "seen"):
            self.seen = x
        return x


def test_a_model_is_in_eval_mode_meanwhile_and_as_it_was_afterwards() -> None:
    model = nn.Sequential(nn.Dropout(), Remembering(), nn.Linear(3, 3)).train()
    model[2].eval()
    with evaluating(model) as plain:
        plain(images(2, 3))
        plain[0].register_forward_hook(lambda *_: None)  # type: ignore[index]
    assert [module.training for module in (model, *model)] == [True, True, True, False]
    assert not hasattr(model[1], "seen")
    assert not model[0]._forward_hooks


def test_a_compiled_module_is_run_uncompiled_and_stays_compiled() -> None:
    model = nn.Linear(3, 2)
    model.compile()
    with evaluating(model) as plain:
        assert plain._compiled_call_impl is None
    assert model._compiled_call_impl is not None
