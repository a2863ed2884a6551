"""What controllers agree on in one database: no more trials than asked for, no policy twice, nothing told twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from parefront.evaluators.results.metric import ACCURACY, LATENCY
from parefront.search.runs.studies import leases
from parefront.search.runs.studies.database import storage_at
from parefront.search.runs.studies.membership import Membership
from parefront.search.runs.studies.mirror import ABANDONED, RECORD
from parefront.search.runs.studies.shared_table import Refused, Reserved, SharedTable
from parefront.spaces.errors import ConfigError

from ...servers import PostgresServer

BITS = CategoricalDistribution([32, 8])
_NAMES = count()

Join = Callable[..., Membership]


@pytest.fixture
def study() -> str:
    """The name of a study of this test alone."""
    return f"study-{next(_NAMES)}"


@pytest.fixture
def join(postgres: PostgresServer, study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Join]:
    """``join("here")``: a controller whose run is in that folder, and whose heart does not beat by itself."""
    monkeypatch.setattr(leases, "BEAT_SECONDS", 1000.0)
    members = []

    def joined(folder: str, said: list[str] | None = None) -> Membership:
        (tmp_path / folder).mkdir(exist_ok=True)
        say = (said if said is not None else []).append
        objectives = [ACCURACY, LATENCY]
        member = Membership(postgres.url(), study, tmp_path / folder, objectives, {}, lambda _: None, say)
        members.append(member)
        return member

    yield joined
    for member in members:
        member.close()


def asked(digest: str, bits: int = 8) -> FrozenTrial:
    """A trial as it is in memory once the sampler was asked."""
    return create_trial(
        state=TrialState.RUNNING,
        params={"bits/ü": bits},
        distributions={"bits/ü": BITS},
        user_attrs={"digest": digest},
        system_attrs={"nsga2:generation": 0},
    )


def reserve(table: SharedTable, limit: int = 10, dead: dict[str, int] | None = None) -> Reserved:
    reserved = table.reserve(limit, dead or {})
    assert isinstance(reserved, Reserved)
    return reserved


def evaluate(table: SharedTable, digest: str) -> Reserved:
    """A trial from start to end."""
    reserved = reserve(table)
    assert table.claim(reserved, asked(digest)) == reserved.number
    assert table.end(reserved, asked(digest), [0.9, 1.5], json.dumps({"trial": reserved.number}))
    return reserved


def states(postgres: PostgresServer, study: str) -> list[TrialState]:
    """As any tool of Optuna's world reads them."""
    return [
        trial.state for trial in optuna.load_study(study_name=study, storage=storage_at(postgres.url())).get_trials()
    ]


def test_numbers_are_given_once_and_in_a_row(join: Join) -> None:
    one, other = join("one").table, join("other").table
    assert [evaluate(table, digest).number for table, digest in ((one, "a"), (other, "b"), (one, "c"))] == [0, 1, 2]


def test_a_reserved_trial_without_a_policy_is_given_again(join: Join) -> None:
    """As where the answer to the first request was lost."""
    table = join("one").table
    assert reserve(table) == reserve(table)


def test_recorded_and_running_trials_never_exceed_what_was_asked_for(join: Join) -> None:
    one, other = join("one").table, join("other").table
    evaluate(one, "a")
    second = reserve(one, 2)
    assert other.reserve(2, {}) is Refused.ALL_TAKEN
    one.claim(second, asked("b"))
    one.end(second, asked("b"), None, json.dumps({"trial": 1}))
    assert other.reserve(2, {}) is Refused.ALL_DONE


def test_a_trial_that_only_repeats_leaves_its_slot_to_another(join: Join) -> None:
    one, other = join("one").table, join("other").table
    repeat = reserve(one, 1)
    assert one.end(repeat, asked("a"), None, None)
    assert reserve(other, 1).number == 1


def test_a_policy_belongs_to_who_claims_it_first(join: Join) -> None:
    one, other = join("one").table, join("other").table
    first, second = reserve(one), reserve(other)
    assert other.claim(second, asked("a")) == second.number
    assert one.claim(first, asked("a")) == second.number
    assert other.end(second, asked("a"), [0.9, 1.5], json.dumps({}))
    assert one.claim(first, asked("a")) == second.number, "and stays tried once it is"


def test_many_at_once_evaluate_each_policy_once_and_no_more_than_asked(join: Join) -> None:
    members = [join(f"run{index}") for index in range(4)]
    evaluated: list[str] = []

    def search(member: Membership, start: int) -> None:
        number = start
        while isinstance(reserved := member.table.reserve(20, {}), Reserved):
            digest = str(number % 30)
            if member.table.claim(reserved, asked(digest)) == reserved.number:
                evaluated.append(digest)
                member.table.end(reserved, asked(digest), [0.9, 1.5], json.dumps({}))
            else:
                member.table.end(reserved, asked(digest), None, None)
            number += 1

    threads = [threading.Thread(target=search, args=(member, 3 * index)) for index, member in enumerate(members)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(evaluated) == len(set(evaluated)) == 20


def test_others_read_what_one_has_done(join: Join) -> None:
    one, other = join("one").table, join("other").table
    evaluate(one, "a")
    running = reserve(one)
    one.claim(running, asked("b", 32))
    other.look()
    first, second = other.news()
    assert (first.number, first.state, first.values, first.params) == (
        0,
        TrialState.COMPLETE,
        [0.9, 1.5],
        {"bits/ü": 8},
    )
    assert first.user_attrs[RECORD] == {"trial": 0}
    assert first.system_attrs == {"nsga2:generation": 0}
    assert (second.number, second.state, second.params) == (1, TrialState.RUNNING, {"bits/ü": 32})
    other.look()
    assert other.news() == []
    one.end(running, asked("b", 32), None, json.dumps({"trial": 1}))
    other.look()
    assert [trial.state for trial in other.news()] == [TrialState.FAIL]


def test_optuna_reads_the_study_as_its_own(join: Join, postgres: PostgresServer, study: str) -> None:
    evaluate(join("one").table, "a")
    told = optuna.load_study(study_name=study, storage=storage_at(postgres.url()))
    (trial,) = told.get_trials()
    assert (trial.number, trial.state, trial.values, trial.params) == (
        0,
        TrialState.COMPLETE,
        [0.9, 1.5],
        {"bits/ü": 8},
    )
    assert told.metric_names == ["accuracy", "latency"]
    assert trial.duration is not None
    assert 0 <= trial.duration.total_seconds() < 60, "whatever the time zones of server and client are"


def test_who_does_not_answer_loses_its_trial_and_cannot_tell_it(
    join: Join, postgres: PostgresServer, study: str
) -> None:
    one, other = join("one"), join("other")
    lost = reserve(one.table, 1)
    one.table.claim(lost, asked("a"))
    assert other.table.reserve(1, {}) is Refused.ALL_TAKEN
    taken = reserve(other.table, 1, {one.table.session: 0})
    assert other.table.claim(taken, asked("a")) == taken.number, "the policy may be tried again"
    assert not one.table.end(lost, asked("a"), [0.9, 1.5], json.dumps({}))
    assert one.table.claim(lost, asked("b")) is Refused.NOT_ITS_OWN
    assert other.table.end(taken, asked("a"), [0.9, 1.5], json.dumps({}))
    assert states(postgres, study) == [TrialState.FAIL, TrialState.COMPLETE]


def test_who_has_given_a_sign_since_is_left_alone(join: Join) -> None:
    one, other = join("one"), join("other")
    running = reserve(one.table, 1)
    one.table.heartbeat().beat()
    assert other.table.reserve(1, {one.table.session: 0}) is Refused.ALL_TAKEN
    assert one.table.claim(running, asked("a")) == running.number


def test_who_comes_back_may_go_on_with_other_trials(join: Join) -> None:
    one, other = join("one"), join("other")
    reserve(one.table, 1)
    other.table.claim(reserve(other.table, 1, {one.table.session: 0}), asked("b"))
    again = reserve(one.table, 2)
    assert other.table.reserve(2, {}) is Refused.ALL_TAKEN
    assert one.table.claim(again, asked("a")) == again.number


def test_who_leaves_gives_back_what_it_had(join: Join) -> None:
    one, other = join("one"), join("other")
    reserve(one.table, 1)
    one.close()
    assert reserve(other.table, 1).number == 1


def test_a_process_in_the_folder_of_a_killed_one_takes_its_trials_at_once(join: Join) -> None:
    killed = join("one")
    reserve(killed.table, 1)
    assert reserve(join("one").table, 1).number == 1


def test_a_copy_of_a_folder_takes_nothing_from_the_one_it_was_copied_from(join: Join) -> None:
    reserve(join("one").table, 1)
    assert join("copy").table.reserve(1, {}) is Refused.ALL_TAKEN


def test_the_thread_finds_who_is_dead_and_nobody_else(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(leases, "GRACE_BEATS", 10)
    killed = join("killed")
    killed._heartbeat.stop()
    one, other = join("one"), join("other")
    reserve(killed.table, 1)
    answers = (one.table.reserve(1, one.dead) for _ in count())
    taken = next(answer for answer in answers if isinstance(answer, Reserved))
    assert other.table.reserve(1, other.dead) is Refused.ALL_TAKEN
    assert one.table.claim(taken, asked("a")) == taken.number


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_cut_at_any_commit_loses_and_doubles_nothing(
    when: str, join: Join, postgres: PostgresServer, study: str
) -> None:
    """Before the server has committed, or before its answer has come."""
    said: list[str] = []
    member = join("one", said)
    table, engine = member.table, member._storage.engine
    cuts = iter([True, False] * 100)

    def cut(connection: Connection) -> None:
        if next(cuts):
            if when == "after":
                connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
            connection.connection.dbapi_connection.close()  # type: ignore[union-attr]
            raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))

    member._heartbeat.stop()
    event.listen(engine, "commit", cut)
    for digest in "ab":
        reserved = member.persistently(lambda: table.reserve(2, {}))
        assert isinstance(reserved, Reserved)
        trial = asked(digest)
        assert member.persistently(lambda r=reserved, t=trial: table.claim(r, t)) == reserved.number  # type: ignore[misc]
        assert member.persistently(lambda r=reserved, t=trial: table.end(r, t, [1.0, 2.0], json.dumps({})))  # type: ignore[misc]
    assert member.persistently(lambda: table.reserve(2, {})) is Refused.ALL_DONE
    event.remove(engine, "commit", cut)
    assert states(postgres, study) == [TrialState.COMPLETE] * 2
    assert not said, "one more try has done"


def test_a_study_of_another_program_is_refused(join: Join, postgres: PostgresServer, study: str) -> None:
    with closing(join("one")):
        pass
    other = optuna.create_study(
        storage=storage_at(postgres.url()), study_name=f"{study}-other", directions=["minimize"]
    )
    other.add_trial(create_trial(value=1.0))
    table = SharedTable(storage_at(postgres.url()), other._study_id, leases.Lease("me"))
    with pytest.raises(ConfigError, match="was not made by a search of this version"):
        table.identify({})


def test_what_the_first_has_said_holds_for_all(join: Join) -> None:
    one, other = join("one"), join("other")
    assert one.agree("baseline", {"latency": 1}) == {"latency": 1} == other.agree("baseline", {"latency": 2})


def test_a_given_up_trial_says_why(join: Join) -> None:
    one, other = join("one"), join("other")
    reserve(one.table, 1)
    reserve(other.table, 1, {one.table.session: 0})
    third = join("third").table
    third.look()
    assert third.news()[0].user_attrs[ABANDONED] == "its controller does not answer"
