"""The order in which threads pass a turnstile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from parefront.evaluators.device.remote.turnstile import Turnstile, Withdrawn

from ....waiting import until


def test_of_those_that_wait_the_lowest_rank_goes_first_and_among_equals_who_came_first() -> None:
    turnstile, passed = Turnstile(), []

    def passing(name: str, rank: int) -> None:
        with turnstile.turn(rank):
            passed.append(name)

    def waits(count: int) -> bool:
        return turnstile.waiting == count

    with ThreadPoolExecutor(4) as threads:
        with turnstile.turn():
            waiting = []
            for count, (name, rank) in enumerate([("c", 2), ("a", 0), ("d", 2), ("b", 1)], start=1):
                waiting.append(threads.submit(passing, name, rank))
                until(partial(waits, count))
            assert passed == []
        for future in waiting:
            future.result(10)
    assert passed == ["a", "b", "c", "d"]


def test_what_is_no_longer_wanted_is_let_out_and_lets_others_pass() -> None:
    turnstile, gone = Turnstile(), threading.Event()

    def withdrawn() -> None:
        with turnstile.turn(0, lambda: not gone.is_set()):
            raise AssertionError("a turn that nobody wants")

    with ThreadPoolExecutor(1) as threads:
        with turnstile.turn():
            future = threads.submit(withdrawn)
            until(lambda: turnstile.waiting == 1)
            gone.set()
            with pytest.raises(Withdrawn):
                future.result(10)
        with turnstile.turn(5):
            assert turnstile.waiting == 0


def test_an_error_in_a_turn_ends_it() -> None:
    turnstile = Turnstile()
    with pytest.raises(ZeroDivisionError), turnstile.turn():
        raise ZeroDivisionError
    with turnstile.turn():
        pass


def test_as_many_pass_at_a_time_as_may() -> None:
    places = 2
    turnstile, inside, passed = Turnstile(lambda: places), threading.Semaphore(0), threading.Event()

    def passing() -> None:
        with turnstile.turn():
            inside.release()
            assert passed.wait(10)

    with ThreadPoolExecutor(3) as threads:
        futures = [threads.submit(passing) for _ in range(3)]
        assert all(inside.acquire(timeout=10) for _ in range(2))
        until(lambda: turnstile.waiting == 1)
        places = 3
        assert inside.acquire(timeout=10)
        passed.set()
        for future in futures:
            future.result(10)
