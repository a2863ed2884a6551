"""The mailbox, without a cluster: every policy is evaluated by somebody, whoever is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from parefront.search.executors.ray import mailbox as module
from parefront.search.executors.ray.mailbox import Mailbox


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NOTICE_SECONDS", 0.05)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


class Nodes:
    """The nodes that are alive."""

    def __init__(self) -> None:
        self.alive = {"a", "b"}

    def __call__(self) -> set[str]:
        return self.alive


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 20))


def mailbox_of(nodes: Nodes) -> Mailbox:
    return Mailbox(nodes, lambda deaths: b"died %d times" % deaths)


def given(mailbox: Mailbox, number: int) -> asyncio.Task[bytes | None]:
    return asyncio.ensure_future(mailbox.evaluate(number, b"policy %d" % number))


def test_orders_go_out_in_their_order_and_each_outcome_to_who_asked_for_it() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        orders = [given(mailbox, number) for number in range(2)]
        assert await mailbox.take("x", "a") == (0, b"policy 0")
        assert await mailbox.take("y", "b") == (1, b"policy 1")
        await mailbox.deliver("y", 1, b"one")
        await mailbox.deliver("x", 0, b"zero")
        assert await asyncio.gather(*orders) == [b"zero", b"one"]

    run(scene())


def test_a_worker_that_waits_is_given_the_next_order() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        waiting = asyncio.ensure_future(mailbox.take("x", "a"))
        await asyncio.sleep(0)
        order = given(mailbox, 7)
        assert await waiting == (7, b"policy 7")
        await mailbox.deliver("x", 7, b"done")
        assert await order == b"done"

    run(scene())


def test_what_a_lost_worker_had_taken_goes_to_one_that_waits_before_all_else() -> None:
    async def scene() -> None:
        mailbox, nodes = mailbox_of(nodes := Nodes()), nodes
        first = given(mailbox, 0)
        await mailbox.take("x", "a")
        given(mailbox, 1)
        nodes.alive = {"b"}
        await mailbox.lost("x")
        assert await mailbox.take("y", "b") == (0, b"policy 0")
        await mailbox.deliver("y", 0, b"done")
        assert await first == b"done"

    run(scene())


def test_a_worker_that_starts_anew_has_lost_what_it_had_taken() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        given(mailbox, 0)
        await mailbox.take("x", "a")
        assert await mailbox.take("x", "b") == (0, b"policy 0")

    run(scene())


def test_an_order_is_not_given_to_a_worker_that_was_lost_while_it_waited() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        waiting = asyncio.ensure_future(mailbox.take("x", "a"))
        await asyncio.sleep(0)
        await mailbox.lost("x")
        assert await waiting is None
        given(mailbox, 0)
        assert await mailbox.take("y", "b") == (0, b"policy 0")

    run(scene())


def test_an_outcome_that_comes_late_from_a_worker_that_was_given_up_is_of_no_use() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        order = given(mailbox, 0)
        await mailbox.take("x", "a")
        await mailbox.lost("x")
        await mailbox.take("y", "b")
        await mailbox.deliver("x", 0, b"late")
        assert not order.done()
        await mailbox.deliver("y", 0, b"done")
        assert await order == b"done"

    run(scene())


def test_an_outcome_that_comes_late_is_not_that_of_what_was_taken_since() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        first, second = given(mailbox, 0), given(mailbox, 1)
        await mailbox.take("x", "a")
        await mailbox.lost("x")
        await mailbox.take("y", "b")
        assert await mailbox.take("x", "b") == (1, b"policy 1")
        await mailbox.deliver("x", 0, b"late")
        await mailbox.deliver("x", 1, b"one")
        await mailbox.deliver("y", 0, b"zero")
        assert [await first, await second] == [b"zero", b"one"]

    run(scene())


def test_what_a_failing_machine_gives_back_goes_to_another_and_is_no_death() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        order = given(mailbox, 0)
        for _ in range(module.MOST_RETURNS - 1):
            await mailbox.take("x", "a")
            await mailbox.give_back("x", 0, b"disk full")
            await mailbox.lost("x")
        await asyncio.sleep(0.1)
        assert await mailbox.take("y", "b") == (0, b"policy 0")
        await mailbox.deliver("y", 0, b"done")
        assert await order == b"done"

    run(scene())


def test_what_all_machines_give_back_ends_as_they_say() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        order = given(mailbox, 0)
        for _ in range(module.MOST_RETURNS):
            await mailbox.take("x", "a")
            await mailbox.give_back("x", 0, b"disk full")
        assert await order == b"disk full"

    run(scene())


def test_nobody_else_dies_of_a_policy_while_the_second_death_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        order = given(mailbox, 0)
        await mailbox.take("x", "a")
        await mailbox.lost("x")
        await asyncio.sleep(0.1)
        await mailbox.take("y", "a")
        await mailbox.lost("y")
        third = asyncio.ensure_future(mailbox.take("z", "b"))
        assert await order == b"died 2 times"
        assert not third.done()

    monkeypatch.setattr(module, "NOTICE_SECONDS", 0.2)
    run(scene())


def test_an_order_whose_loss_cannot_be_looked_into_goes_on() -> None:
    def unknown() -> set[str]:
        raise RuntimeError("no connection")

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        mailbox = Mailbox(unknown, lambda deaths: b"died")
        order = given(mailbox, 0)
        for holder in "xy":
            await mailbox.take(holder, "a")
            await mailbox.lost(holder)
        assert await mailbox.take("z", "b") == (0, b"policy 0")
        await mailbox.deliver("z", 0, b"done")
        assert await order == b"done"

    run(scene())


def test_a_policy_that_processes_die_of_while_their_nodes_live_has_failed() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        order = given(mailbox, 0)
        for holder in "xy":
            await mailbox.take(holder, "a")
            await mailbox.lost(holder)
        assert await order == b"died 2 times"

    run(scene())


def test_processes_that_die_with_their_nodes_say_nothing_of_the_policy() -> None:
    async def scene() -> None:
        nodes = Nodes()
        mailbox = mailbox_of(nodes)
        order = given(mailbox, 0)
        for node in [f"node {index}" for index in range(5)]:
            await mailbox.take("x", node)
            await mailbox.lost("x")
        assert await mailbox.take("y", "b") == (0, b"policy 0")
        await mailbox.deliver("y", 0, b"done")
        assert await order == b"done"

    run(scene())


def test_closing_lets_everybody_go() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        taken, idle = given(mailbox, 0), asyncio.ensure_future(mailbox.take("x", "a"))
        await idle
        idle = asyncio.ensure_future(mailbox.take("y", "b"))
        await asyncio.sleep(0)
        await mailbox.close()
        assert await taken is None
        assert await idle is None
        assert await mailbox.take("z", "a") is None
        assert await mailbox.evaluate(1, b"") is None

    run(scene())


def test_what_workers_say_is_heard_line_by_line_until_it_is_closed() -> None:
    async def scene() -> None:
        mailbox = mailbox_of(Nodes())
        hearing = asyncio.ensure_future(mailbox.noted())
        await mailbox.note("waiting for the device pi")
        await mailbox.note("the device pi is back")
        assert [await hearing, await mailbox.noted()] == ["waiting for the device pi", "the device pi is back"]
        await mailbox.close()
        assert await mailbox.noted() is None

    run(scene())
