"""Trials of other processes in this process's memory, under the numbers that they have everywhere."""

from __future__ import annotations

import copy

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

CONTROLLER = "controller"
"""User attribute of a trial of a shared study: the session that evaluates it, or has."""
ABANDONED = "abandoned"
"""User attribute of a trial of a shared study that ended without an outcome: why. Its policy may be tried again."""
RECORD = "record"
"""User attribute of a trial of a shared study: its record, as the file in ``trials/`` has it."""


def mirror(memory: InMemoryStorage, study: int, trial: FrozenTrial) -> None:
    """Make a trial in memory what it is elsewhere; one that is finished in memory stays as it is.

    Args:
        memory: where samplers look.
        study: its key there.
        trial: with a number that is known, or the next one.
    """
    known = memory.get_all_trials(study, deepcopy=False)
    finished = trial.state.is_finished()
    if trial.number == len(known):
        made = copy.copy(trial)
        made.state = trial.state if finished else TrialState.RUNNING
        memory.create_new_trial(study, made)
        return
    assert trial.number < len(known), "trials are taken in in the order of their numbers"
    there = known[trial.number]
    if there.state.is_finished():
        return
    key = memory.get_trial_id_from_study_id_trial_number(study, trial.number)
    for name, value in trial.params.items():
        if name not in there.params:
            distribution = trial.distributions[name]
            memory.set_trial_param(key, name, distribution.to_internal_repr(value), distribution)
    for name, value in trial.user_attrs.items():
        memory.set_trial_user_attr(key, name, value)
    for name, value in trial.system_attrs.items():
        memory.set_trial_system_attr(key, name, value)
    if finished:
        memory.set_trial_state_values(key, trial.state, trial.values)
