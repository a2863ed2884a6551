"""A trial of Ray Tune's: takes one policy, has it evaluated, and is done; its process serves many of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ray
from ray import tune

from .device_actors import DeviceActors
from .messages import Outcome
from .worker import Worker, pickled


class EvaluationTrainable(tune.Trainable):
    """One evaluation. Errors of it are outcomes, so that no trial of Ray Tune's fails but by the loss of its process or
    a failure of its machine: Ray Tune then starts it anew, maybe elsewhere.

    The policy comes from the mailbox, not from the trial's config: while a trial waits for its policy, Ray Tune keeps
    its process, and so the evaluator in it, which it would end if there was nothing to do for an instant.
    """

    def setup(self, config: dict[str, Any], mailbox: Any, join: bytes, devices: DeviceActors) -> None:
        """Called once a process.

        Args:
            config: empty.
            mailbox: the actor.
            join: makes the evaluator, at the first policy; pickled.
            devices: the owners of the devices.
        """
        self._mailbox = mailbox
        self._node = ray.get_runtime_context().get_node_id()
        self._worker = Worker(join, replace(devices, say=mailbox.note.remote).open)

    def step(self) -> dict[str, Any]:
        taken = ray.get(self._mailbox.take.remote(self.trial_id, self._node))
        if taken is None:
            return {"done": True}
        number, content = taken
        try:
            outcome = self._worker.evaluate(content)
        except Exception as error:  # of this machine
            ray.get(self._mailbox.give_back.remote(self.trial_id, number, pickled(Outcome.of_error(error))))
            raise
        ray.get(self._mailbox.deliver.remote(self.trial_id, number, outcome))
        return {"done": True, "evaluation": number}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The evaluator serves any policy."""
        return True

    def cleanup(self) -> None:
        self._worker.close()
