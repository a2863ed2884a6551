"""Where policies wait to be evaluated: the one meeting point of controller and workers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

MOST_DEATHS = 2
"""Processes that may die of a policy, on nodes that live on, before it counts as failed."""
MOST_RETURNS = 10
"""Times that an order may come back from machines that have failed, before that is its outcome."""
NOTICE_SECONDS = 30.0
"""Within which the death of a node is known, after that of a process on it."""
LOOK_SECONDS = 1.0


@dataclass(eq=False)
class Order:
    """A policy to be evaluated.

    Attributes:
        number: of the order, as the executor counts them.
        content: what the worker needs to know.
        outcome: what becomes of it; None where that is no longer wanted.
        losses: holders that were lost with it.
        deaths: those of them whose node lives on.
        counting: losses of which it is not known yet whether the node lives on.
        returns: holders that have given it back.
    """

    number: int
    content: bytes
    outcome: asyncio.Future[bytes | None]
    losses: int = 0
    deaths: int = 0
    counting: int = 0
    returns: int = 0


@dataclass(eq=False)
class Holder:
    """A trial of Ray Tune's that has taken an order, or waits for one.

    Attributes:
        node: where its process runs.
        taken: the order; None where there will be none.
    """

    node: str
    taken: asyncio.Future[Order | None]

    @property
    def order(self) -> Order | None:
        return self.taken.result() if self.taken.done() else None


class Mailbox:
    """Hands each order to the first worker that asks, and to another one where that worker is lost.

    An actor of Ray's with asynchronous methods, which all run in one thread. What a worker has taken is bound to it
    only until it is lost: an order never waits for a worker that itself waits for a node, while another one is idle.

    Args:
        alive: gives the nodes that are alive, by their Ray ids.
        died: gives the outcome of an order that so many processes have died of.
    """

    def __init__(self, alive: Callable[[], Collection[str]], died: Callable[[int], bytes]) -> None:
        self._alive, self._died = alive, died
        self._waiting: deque[Order] = deque()
        self._holders: dict[str, Holder] = {}
        self._counting: set[asyncio.Future[None]] = set()
        self._notes: asyncio.Queue[str | None] = asyncio.Queue()
        self._closed = False

    async def evaluate(self, number: int, content: bytes) -> bytes | None:
        """Give an order, and wait for its outcome; None where the mailbox is closed before."""
        order = Order(number, content, asyncio.get_running_loop().create_future())
        if self._closed:
            return None
        self._waiting.append(order)
        self._match()
        return await order.outcome

    async def take(self, holder: str, node: str) -> tuple[int, bytes] | None:
        """The next order, once there is one; None where there will be none.

        Args:
            holder: the trial of Ray Tune's that asks; one that asks again has started anew, and has lost what it took.
            node: where it runs.
        """
        await self.lost(holder)
        if self._closed:
            return None
        held = self._holders[holder] = Holder(node, asyncio.get_running_loop().create_future())
        self._match()
        order = await held.taken
        return None if order is None else (order.number, order.content)

    async def deliver(self, holder: str, number: int, outcome: bytes) -> None:
        """The outcome of what the holder has taken; of no use where the holder was taken for lost meanwhile.

        Args:
            holder: the trial of Ray Tune's.
            number: of the order: a process on a node that was cut off for a while may outlive its loss, and what the
                trial holds is then another order, which another process of it has taken.
            outcome: what came of it.
        """
        order = self._taken_from(holder, number)
        if order is not None:
            order.outcome.set_result(outcome)

    async def give_back(self, holder: str, number: int, outcome: bytes) -> None:
        """The holder's machine has failed (its disk, its memory), which says nothing of the policy: another one may do
        better.

        Args:
            holder: the trial of Ray Tune's.
            number: of the order.
            outcome: what the failure was, which becomes that of the order where nobody does better.
        """
        order = self._taken_from(holder, number)
        if order is None:
            return
        order.returns += 1
        if order.returns >= MOST_RETURNS:
            order.outcome.set_result(outcome)
        else:
            self._again(order)

    async def lost(self, holder: str) -> None:
        """The holder's process is gone: what it had taken goes to another one, before all that waits.

        An order whose second holder is lost goes on only once it is known whether both died with their nodes: a policy
        that kills whoever evaluates it must not kill all workers one after the other.
        """
        held = self._holders.pop(holder, None)
        if held is None:
            return
        order = held.order
        if not held.taken.done():
            held.taken.set_result(None)
        if order is None or order.outcome.done():
            return
        order.losses += 1
        if order.losses < MOST_DEATHS:
            self._again(order)
        order.counting += 1
        counting = asyncio.ensure_future(self._count(order, held.node))
        self._counting.add(counting)
        counting.add_done_callback(self._counting.discard)

    async def note(self, line: str) -> None:
        """A worker says in a line what goes on there."""
        self._notes.put_nowait(line)

    async def noted(self) -> str | None:
        """The next line that a worker says, once there is one; None once the mailbox is closed."""
        return await self._notes.get()

    async def close(self) -> None:
        """No more orders: whoever waits is told, and nothing under way is waited for."""
        self._closed = True
        self._notes.put_nowait(None)
        orders = [*self._waiting, *(held.order for held in self._holders.values() if held.order is not None)]
        for held in self._holders.values():
            if not held.taken.done():
                held.taken.set_result(None)
        for order in orders:
            if not order.outcome.done():
                order.outcome.set_result(None)

    async def _count(self, order: Order, node: str) -> None:
        """Count a death that is not the node's, once that is known, or cannot be found out."""
        try:
            if await self._outlives(node):
                order.deaths += 1
        finally:
            order.counting -= 1
            if not order.outcome.done():
                if order.deaths >= MOST_DEATHS:
                    order.outcome.set_result(self._died(order.deaths))
                elif order.losses >= MOST_DEATHS and not order.counting:
                    self._again(order)

    def _taken_from(self, holder: str, number: int) -> Order | None:
        """The order of that number, which its holder is done with; None where it is another's by now, or done."""
        held = self._holders.get(holder)
        if held is None or held.order is None or held.order.number != number:
            return None
        del self._holders[holder]
        return None if held.order.outcome.done() else held.order

    def _again(self, order: Order) -> None:
        held = (holder.order for holder in self._holders.values())
        if order not in self._waiting and order not in held:
            self._waiting.appendleft(order)
            self._match()

    def _match(self) -> None:
        """Hand orders to those who wait, in the order in which both came."""
        for held in self._holders.values():
            while self._waiting and self._waiting[0].outcome.done():
                self._waiting.popleft()
            if self._waiting and not held.taken.done():
                held.taken.set_result(self._waiting.popleft())

    async def _outlives(self, node: str) -> bool:
        """Whether a node lives on after a process of it has died; that of the node itself is noticed later."""
        loop = asyncio.get_running_loop()
        until = loop.time() + NOTICE_SECONDS
        while loop.time() < until:
            if node not in await loop.run_in_executor(None, self._alive):
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True
