"""The networks of the agent: targets and updates against sums by hand, replay, and a task whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parefront.search.agent.ddpg import TAU, Batch, Ddpg, Replay
from parefront.spaces.tensors.one_thread import one_thread

WIDTH = 3


def batch_of(*steps: tuple[list[float], float, float, list[float], float]) -> Batch:
    columns = [torch.tensor(column, dtype=torch.float32) for column in zip(*steps, strict=True)]
    states, actions, rewards, following, goes_on = columns
    return Batch(states, actions[:, None], rewards[:, None], following, goes_on[:, None])


def test_the_target_is_reward_less_baseline_plus_what_follows_undiscounted() -> None:
    networks = Ddpg(WIDTH, seed=0)
    with torch.no_grad():
        for network, value in ((networks.slow_actor[-2], 0.0), (networks.slow_critic[-1], 7.0)):
            assert isinstance(network, torch.nn.Linear)
            network.weight.zero_()
            network.bias.fill_(value)
    steps = batch_of(([0, 0, 0], 0.5, 2.0, [1, 1, 1], 1.0), ([1, 1, 1], 0.5, 2.0, [0, 0, 0], 0.0))
    assert networks.target(steps, baseline=0.5).flatten().tolist() == pytest.approx([2.0 - 0.5 + 7.0, 2.0 - 0.5])


def test_the_target_values_what_the_slow_actor_would_do() -> None:
    networks = Ddpg(WIDTH, seed=1)
    following = torch.tensor([[0.3, 0.1, 0.9]])
    action = networks.slow_actor(following)
    value = networks.slow_critic(torch.cat([following, action], dim=1)).item()
    steps = batch_of(([0, 0, 0], 0.1, 1.0, following[0].tolist(), 1.0))
    assert networks.target(steps, 0.0).item() == pytest.approx(1.0 + value)


def test_slow_networks_go_a_hundredth_of_the_way() -> None:
    networks = Ddpg(WIDTH, seed=2)
    slow, fast = (next(network.parameters()) for network in (networks.slow_critic, networks.critic))
    before = slow.detach().clone()
    networks.update(batch_of(([0.2, 0.4, 0.6], 0.3, 1.0, [0, 0, 0], 0.0)), 0.0)
    assert torch.allclose(slow, before + TAU * (fast - before), atol=1e-7)
    assert not torch.equal(fast, before)


def test_the_critic_stays_trainable_and_the_actor_leaves_it_alone() -> None:
    networks = Ddpg(WIDTH, seed=3)
    networks.update(batch_of(([0.2, 0.4, 0.6], 0.3, 1.0, [0, 0, 0], 0.0)), 0.0)
    assert all(parameter.requires_grad for parameter in networks.critic.parameters())


def test_replay_keeps_the_last_steps() -> None:
    replay = Replay(1, capacity=4)
    for number in range(6):
        following = np.array([number + 1], dtype=np.float32) if number < 5 else None
        replay.add(np.array([number], dtype=np.float32), 0.1 * number, float(number), following)
    drawn = replay.draw(np.random.default_rng(0), 200)
    assert len(replay) == 4
    assert set(drawn.states.flatten().tolist()) == {2.0, 3.0, 4.0, 5.0}
    assert torch.equal(drawn.rewards, drawn.states)
    assert torch.equal(drawn.goes_on, (drawn.states < 5).float())
    assert torch.equal(drawn.following, torch.where(drawn.states < 5, drawn.states + 1, drawn.states))
    assert torch.allclose(drawn.actions, 0.1 * drawn.states)


def test_it_learns_where_the_reward_is_highest() -> None:
    networks, generator = Ddpg(2, seed=4), np.random.default_rng(4)
    replay = Replay(2, 2000)
    for _ in range(1000):
        state = generator.uniform(size=2).astype(np.float32)
        action = generator.uniform()
        replay.add(state, action, -10 * (action - (0.2 + 0.6 * state[0])) ** 2, None)
    with one_thread():
        for _ in range(600):
            networks.update(replay.draw(generator), baseline=-1.0)
    for first in (0.1, 0.5, 0.9):
        assert networks.act(np.array([first, 0.5], dtype=np.float32)) == pytest.approx(0.2 + 0.6 * first, abs=0.12)


def test_the_seed_decides_and_no_other_chance() -> None:
    torch.manual_seed(0)
    one = Ddpg(WIDTH, seed=5)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    other = Ddpg(WIDTH, seed=5)
    assert torch.equal(torch.random.get_rng_state(), state), "the global generator is left alone"
    point = np.array([0.1, 0.2, 0.3], dtype=np.float32)
    assert one.act(point) == other.act(point) != Ddpg(WIDTH, seed=6).act(point)
