"""The walk over the knobs as a ``gymnasium.Env``, so that an agent of another library can be tried in ten lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.metrics import Named, costs_of, metric_key
from ...spaces.errors import Infeasible
from ...spaces.network.graph import Layer
from ...spaces.policy import Policy
from ..surrogate.sensitivity import Sensitivity
from .episode import within
from .knob_order import Route
from .observation import States
from .rewards import REWARDS, error_and_cost, scores

if TYPE_CHECKING:
    import gymnasium

    Environment = gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]

INFEASIBLE = -1.0
"""Reward of a policy that has no model: as if every answer were wrong."""


def compression_environment(
    sensitivity: Sensitivity,
    evaluate: Callable[[Policy], Candidate],
    baseline: Candidate,
    objectives: tuple[Named, ...] = ("accuracy", "latency"),
    layers: Mapping[str, Layer] | None = None,
    reward: str = "error",
    band: float = 0.25,
) -> Environment:
    """The environment that ``amc`` learns in: a step for every knob that is not void, an episode for every policy.

    Observations are :class:`States`, of shape ``(width,)``. An action, of shape ``(1,)`` between 0 and 1, is the place
    of the choice among the knob's; it is clipped to the episode's budget, and ``info["action"]`` is what was carried
    out. The last step's reward is the policy's, that of all others zero; its ``info`` has the ``policy`` and, but for
    infeasible ones, the ``candidate``. The budget is drawn at ``reset``, or given as ``options={"budget": 0.5}``, a
    share of the uncompressed model's expected cost.

    ::

        environment = compression_environment(sensitivity, evaluate, baseline)
        agent = stable_baselines3.SAC("MlpPolicy", environment)
        agent.learn(total_timesteps=2000)

    Args:
        sensitivity: of the knobs; :func:`assumed_sensitivity` where there are no probes.
        evaluate: measures a policy.
        baseline: the uncompressed model, measured.
        objectives: metrics; the first cost among them is the one that has a budget.
        layers: of the uncompressed model, by name.
        reward: a name in ``REWARDS``.
        band: how far below its budget an episode's cost may be aimed, as a share of the budget.

    Raises:
        ImportError: where gymnasium is not installed, with the command that does it.
    """
    try:
        import gymnasium
    except ImportError as error:
        raise ImportError("the environment needs gymnasium: pip install 'parefront[rl]'") from error

    loss, cost = error_and_cost(objectives)
    before = costs_of(baseline, objectives)
    route = Route.of(sensitivity, metric_key(objectives[cost]))
    states = States(route, layers or {})

    class CompressionEnvironment(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
        observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (states.width,), np.float32)
        action_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float32)

        def reset(
            self, *, seed: int | None = None, options: dict[str, Any] | None = None
        ) -> tuple[NDArray[np.float32], dict[str, Any]]:
            super().reset(seed=seed)
            least, greatest = route.expected
            drawn = self.np_random.uniform(least, min(1.0, greatest))
            self._budget = max(least, float((options or {}).get("budget", drawn)))
            self._episode, self._action = within(route, self._budget, band), 0.0
            return states.of(self._episode, self._action), {"budget": self._budget}

        def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
            episode, knob = self._episode, self._episode.knob
            assert knob is not None, "the episode is at its end; call reset"
            last, seen = len(route.savings[knob]) - 1, states.of(episode, self._action)
            place = episode.clip(round(float(np.clip(action.item(), 0.0, 1.0)) * last))
            self._action = place / max(1, last)
            episode.take(place)
            info: dict[str, Any] = {"action": self._action}
            if episode.knob is not None:
                return states.of(episode, self._action), 0.0, False, False, info
            policy = sensitivity.space.decode(sensitivity.params(episode.places))
            return seen, self._end(policy, info), True, False, info | {"policy": policy}

        def _end(self, policy: Policy, info: dict[str, Any]) -> float:
            try:
                candidate = info["candidate"] = evaluate(policy)
            except Infeasible:
                return INFEASIBLE
            costs = costs_of(candidate, objectives)
            return REWARDS[reward](scores(costs, before, objectives, loss, cost, self._budget))

    return CompressionEnvironment()
