"""Which of several like devices serve, which one is free, and the return of those that were lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ...spaces.messages import first_line
from .agreement import Steadiness
from .errors import AnswerMalformed, DeviceError, DeviceUnreachable
from .link import DeviceLink

AGAIN_SECONDS = 2.0
"""After which a unit that was lost is looked for, and twice as long each further time."""
LONGEST_SECONDS = 120.0
LOOK_SECONDS = 1.0


class Standing(Enum):
    """What is done with a unit: it serves; it could not be reached, and may come back; or it is set aside for good."""

    SERVES = "serves"
    LOST = "lost"
    ASIDE = "aside"


@dataclass(eq=False)
class Unit:
    """One of several like devices.

    Attributes:
        link: to it.
        standing: whether it serves.
        busy: whether somebody holds it.
        losses: since it was last read.
        steadiness: what it took for anchors.
    """

    link: DeviceLink
    standing: Standing = Standing.SERVES
    busy: bool = False
    losses: int = 0
    steadiness: Steadiness = field(default_factory=Steadiness)

    @property
    def name(self) -> str:
        return self.link.name


class Roster:
    """The units of one device; each is held by one thread at a time.

    Args:
        name: of the device in the search.
        links: to its units, the first ones preferred.
        check: what a lost unit has to pass before it serves; raises ``DeviceError`` where it cannot be read.
        say: told in a line what befalls a unit; called from several threads.
    """

    def __init__(
        self, name: str, links: Sequence[DeviceLink], check: Callable[[Unit], None], say: Callable[[str], None]
    ) -> None:
        self.units = [Unit(link) for link in links]
        self._name, self._check, self._say = name, check, say
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._error: DeviceUnreachable | None = None

    @property
    def serving(self) -> list[Unit]:
        """The units that serve, in their order."""
        return [unit for unit in self.units if unit.standing is Standing.SERVES]

    def take(self, tried: Collection[Unit] = ()) -> Unit:
        """The first free unit that serves, waited for; where none serves, a lost one that was not tried yet.

        Raises:
            DeviceUnreachable: where no unit is left.
        """
        with self._changed:
            while True:
                lost = [u for u in self.units if u.standing is Standing.LOST and u not in tried]
                left = self.serving or lost
                if not left:
                    assert self._error is not None
                    raise self._error
                for unit in left:
                    if not unit.busy:
                        unit.busy = True
                        return unit
                self._changed.wait(LOOK_SECONDS)

    def takes(self, unit: Unit) -> bool:
        """Wait for a unit, and take it; False where it does not serve."""
        with self._changed:
            while unit.busy and unit.standing is Standing.SERVES:
                self._changed.wait(LOOK_SECONDS)
            if unit.standing is not Standing.SERVES:
                return False
            unit.busy = True
            return True

    def give_back(self, unit: Unit) -> None:
        """Let others have a unit."""
        with self._changed:
            unit.busy = False
            self._changed.notify_all()

    def set_aside(self, unit: Unit, why: str, unless_last: bool = False) -> None:
        """Let a unit serve no more, and say why."""
        with self._changed:
            if unless_last and self.serving == [unit]:
                return
            unit.standing = Standing.ASIDE
            self._changed.notify_all()
        self._tell(f"{unit.name} is set aside: {why}")

    def lose(self, unit: Unit, error: DeviceUnreachable) -> None:
        """Let a unit that cannot be reached serve no more until it can; one that answers nonsense, for good."""
        with self._changed:
            self._error = error
            before, unit.standing = unit.standing, Standing.LOST
            unit.losses += 1
            others = bool(self.serving)
            self._changed.notify_all()
        if isinstance(error, AnswerMalformed) and others:
            self.set_aside(unit, first_line(error))
        elif before is Standing.SERVES:
            rest = "its readings go to the others" if others else "no other one is left"
            self._tell(f"{unit.name} cannot be reached, {rest} ({first_line(error)})")
            threading.Thread(target=self._look_for, args=(unit, self._closing), daemon=True).start()

    def welcome(self, unit: Unit) -> None:
        """Check a lost unit, which the caller holds, and let it serve again unless it was set aside meanwhile.

        Raises:
            DeviceUnreachable: where it still cannot be reached.
        """
        self._check(unit)
        with self._changed:
            if unit.standing is not Standing.LOST:
                return
            unit.standing = Standing.SERVES
            self._changed.notify_all()
        self._tell(f"{unit.name} can be reached again")

    def close(self) -> None:
        """Look for lost units no more."""
        self._closing.set()
        self._closing = threading.Event()

    def _look_for(self, unit: Unit, closing: threading.Event) -> None:
        """Until a lost unit is back, or set aside."""
        seconds = min(AGAIN_SECONDS * 2 ** (unit.losses - 1), LONGEST_SECONDS)
        while not closing.wait(seconds) and unit.standing is Standing.LOST:
            with self._changed:
                if unit.busy:
                    continue
                unit.busy = True
            try:
                self.welcome(unit)
            except DeviceUnreachable:
                seconds = min(2 * seconds, LONGEST_SECONDS)
            except DeviceError as error:
                self.set_aside(unit, first_line(error))
            finally:
                self.give_back(unit)

    def _tell(self, what: str) -> None:
        self._say(f"device {self._name}: {what}")
