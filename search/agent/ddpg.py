"""Deep deterministic policy gradients: an actor, a critic, their slow copies, and what they learn from."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import skip_init

Floats = NDArray[np.float32]

HIDDEN = 300
ACTOR_RATE, CRITIC_RATE = 1e-4, 1e-3
TAU = 0.01
BATCH = 64


@dataclass(frozen=True)
class Batch:
    """Steps of episodes, float32.

    Attributes:
        states, following: shape ``(steps, width)``; ``following`` is of no matter at the end of an episode.
        actions, rewards: shape ``(steps, 1)``; actions between 0 and 1.
        goes_on: shape ``(steps, 1)``; 0 for the last step of an episode, else 1.
    """

    states: Tensor
    actions: Tensor
    rewards: Tensor
    following: Tensor
    goes_on: Tensor


class Replay:
    """The last ``capacity`` steps."""

    def __init__(self, width: int, capacity: int) -> None:
        self._width, self._capacity, self._count = width, capacity, 0
        self._rows = np.zeros((capacity, 2 * width + 3), dtype=np.float32)

    def __len__(self) -> int:
        return min(self._count, self._capacity)

    def add(self, state: Floats, action: float, reward: float, following: Floats | None) -> None:
        """A step; ``following`` is None at the end of its episode."""
        last = following is None
        after = state if following is None else following
        row = self._rows[self._count % self._capacity]
        row[:] = np.concatenate([state, after, np.array([action, reward, 0.0 if last else 1.0], dtype=np.float32)])
        self._count += 1

    def draw(self, generator: np.random.Generator, size: int = BATCH) -> Batch:
        """Steps drawn uniformly, with repeats."""
        rows = torch.from_numpy(self._rows[generator.integers(len(self), size=size)])
        width = self._width
        action, reward, goes_on = (rows[:, 2 * width + index, None] for index in range(3))
        return Batch(rows[:, :width], action, reward, rows[:, width : 2 * width], goes_on)


class Ddpg:
    """Lillicrap et al. 2016, "Continuous control with deep reinforcement learning", as He et al. 2018 set it up.

    Two hidden layers of 300; Adam with rates of 1e-4 (actor) and 1e-3 (critic); slow copies by τ = 0.01; no discount
    (γ = 1), as episodes are short and a step matters as much as any other. Deviations from Lillicrap et al.: no batch
    norm, no weight decay, the action enters the critic at its first layer.
    """

    def __init__(self, width: int, seed: int) -> None:
        """Networks for states of shape ``(width,)``, drawn by ``seed``."""
        generator = torch.Generator().manual_seed(seed)
        self.actor = nn.Sequential(*_layers(width, generator), nn.Sigmoid())
        self.critic = nn.Sequential(*_layers(width + 1, generator))
        self.slow_actor, self.slow_critic = copy.deepcopy(self.actor), copy.deepcopy(self.critic)
        self._actor_steps = torch.optim.Adam(self.actor.parameters(), ACTOR_RATE, fused=True)
        self._critic_steps = torch.optim.Adam(self.critic.parameters(), CRITIC_RATE, fused=True)

    def act(self, state: Floats) -> float:
        """The actor's action for a state, between 0 and 1."""
        with torch.inference_mode():
            return float(self.actor(torch.from_numpy(state)))

    def target(self, batch: Batch, baseline: float) -> Tensor:
        """What the critic should say, ``(steps, 1)``: reward − baseline + the slow critic's value of what follows."""
        with torch.no_grad():
            value: Tensor = self.slow_critic(torch.cat([batch.following, self.slow_actor(batch.following)], dim=1))
            return batch.rewards - baseline + batch.goes_on * value

    def update(self, batch: Batch, baseline: float) -> None:
        """One step of both networks; ``baseline`` is taken from every reward."""
        values = self.critic(torch.cat([batch.states, batch.actions], dim=1))
        loss = nn.functional.mse_loss(values, self.target(batch, baseline))
        self._critic_steps.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._critic_steps.step()
        self.critic.requires_grad_(False)
        gain = self.critic(torch.cat([batch.states, self.actor(batch.states)], dim=1)).mean()
        self._actor_steps.zero_grad()
        (-gain).backward()
        self._actor_steps.step()
        self.critic.requires_grad_(True)
        _follow(self.slow_actor, self.actor)
        _follow(self.slow_critic, self.critic)


def _layers(width: int, generator: torch.Generator) -> list[nn.Module]:
    """Weights uniform within 1/√inputs, those of the last layer within 0.003 (Lillicrap et al. 2016, section 7)."""
    sizes = ((width, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1))
    linear = [skip_init(nn.Linear, inputs, outputs) for inputs, outputs in sizes]  # type: ignore[no-untyped-call]
    for layer in linear:
        bound = 3e-3 if layer is linear[-1] else layer.in_features**-0.5
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return [linear[0], nn.ReLU(), linear[1], nn.ReLU(), linear[2]]


def _follow(slow: nn.Module, fast: nn.Module) -> None:
    with torch.no_grad():
        torch._foreach_lerp_(list(slow.parameters()), list(fast.parameters()), TAU)
