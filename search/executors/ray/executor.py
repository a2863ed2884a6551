"""The Ray executor: hands policies to the cluster's mailbox, where trials of Ray Tune's take them."""

from __future__ import annotations

import itertools
import logging
import math
import pickle
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ....evaluators.results.candidate import Candidate
from ....evaluators.results.errors import HostFailed
from ....evaluators.results.fronts.front import Front
from ....spaces.messages import one_line
from ....spaces.policy import Policy
from ..executor import wait_for_any
from .cluster import Cluster, alive_nodes, on_node
from .device_actors import DeviceActors
from .mailbox import Mailbox
from .messages import Outcome, Work
from .worker import JoinSearch

END_SECONDS = 10.0
"""After which the thread of Ray Tune is left to itself, whose processes end with the connection to the cluster."""
NEWS_SECONDS = 2.0
"""For which the owners of devices may take at the end to say what has befallen these."""
MOST_LOSSES = 20
"""Workers that may be lost without a result in between, before the search ends."""
SAME_SECONDS = 60.0
"""Within which a line that another worker has said as well is not told again."""
_LOG = logging.getLogger("parefront")


class RayExecutor:
    """Runs evaluations on a cluster, as many at a time as it has room for: nodes that join are used, what a lost node
    or process was evaluating is evaluated elsewhere.

    Args:
        cluster: left open.
        devices: the owners of the devices, which the controller's evaluator asks, too.
        join: gives, at the first submission, what makes the evaluators of the workers, from the folder of artefacts
            and the front.
        ordered: whether results are taken in the order of asking.
        tell: told in a line what goes on: workers start or are lost, a device is waited for; called from several
            threads.
    """

    def __init__(
        self,
        cluster: Cluster,
        devices: DeviceActors,
        join: Callable[[Path, Front], JoinSearch],
        ordered: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._cluster, self._devices, self._join = cluster, devices, join
        self._ordered, self._tell = ordered, tell
        self._last_note = ("", -math.inf)
        self._numbers = itertools.count()
        self._over = threading.Event()
        self._under_way: set[Future[Candidate]] = set()
        self._thread: threading.Thread | None = None
        self._mailbox: Any = None
        self._losses = 0
        self._failure: Exception | None = None

    @property
    def workers(self) -> int:
        return self._cluster.workers

    @property
    def ordered(self) -> bool:
        return self._ordered

    def submit(self, policy: Policy, artifact: Path, rivals: Front) -> Future[Candidate]:
        """As :meth:`..executor.Executor.submit`; the first time the cluster's processes are started."""
        if self._thread is None:
            self._start(self._join(artifact.parent, rivals))
        self._devices.tell_news(self._tell)
        number = next(self._numbers)
        future: Future[Candidate] = Future()
        self._under_way.add(future)
        if self._failure is not None:  # while nothing was under way
            _end(future, self._failure)
            return future
        content = pickle.dumps(Work(policy, rivals))
        reference = self._mailbox.evaluate.options(name=f"trial {number}").remote(number, content)
        reference.future().add_done_callback(partial(self._came, future, artifact))
        return future

    def wait(self, futures: Sequence[Future[Candidate]]) -> None:
        wait_for_any(futures)

    def close(self) -> None:
        """Give up what is under way, and end the processes."""
        self._over.set()
        self._devices.tell_news(self._tell, NEWS_SECONDS)
        if self._thread is None:
            return
        import ray

        try:
            ray.get(self._mailbox.close.remote(), timeout=END_SECONDS)
        except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError) as error:
            _LOG.debug("closing the mailbox: %s", one_line(error))
        self._thread.join(END_SECONDS)
        ray.kill(self._mailbox)

    def _start(self, made: JoinSearch) -> None:
        """Start the mailbox, and Ray Tune in a thread."""
        import ray
        from ray import cloudpickle

        actor = ray.remote(Mailbox).options(num_cpus=0, max_concurrency=100_000, **on_node(self._cluster.node))
        self._mailbox = actor.remote(alive_nodes, _died)
        self._listen()
        workers = "a worker, which makes" if self.workers == 1 else f"{self.workers} workers, each of which makes"
        self._tell(f"Ray starts {workers} its evaluator first")
        join = cloudpickle.dumps(made)
        self._thread = threading.Thread(target=self._tune, args=(join,), name="ray tune", daemon=True)
        self._thread.start()

    def _tune(self, join: bytes) -> None:
        """Run trials of Ray Tune's until the search is over."""
        folder = tempfile.mkdtemp(prefix="parefront-tune-")
        why = "it has ended before the search"
        try:
            self._tuner(join, folder).fit()
        except Exception as error:
            why = one_line(error)
        finally:
            if not self._over.is_set():
                self._fail(HostFailed(f"executor: Ray Tune has failed: {why}; the same command goes on"))
            shutil.rmtree(folder, ignore_errors=True)

    def _tuner(self, join: bytes, folder: str) -> Any:
        from ray import tune

        from .searcher import EvaluationSearcher, LossCallback, OverStopper
        from .trainable import EvaluationTrainable

        options = self._cluster.options
        trainable = tune.with_parameters(EvaluationTrainable, mailbox=self._mailbox, join=join, devices=self._devices)
        return tune.Tuner(
            tune.with_resources(trainable, {"CPU": options.cpus}),
            tune_config=tune.TuneConfig(
                search_alg=EvaluationSearcher(self._over),
                num_samples=-1,
                max_concurrent_trials=options.workers,
                reuse_actors=True,
                trial_name_creator=_name,
                trial_dirname_creator=_name,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=folder,
                failure_config=tune.FailureConfig(max_failures=-1),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                callbacks=[LossCallback(self._lost)],
                stop=OverStopper(self._over),
                verbose=0,
            ),
        )

    def _listen(self) -> None:
        """Have the next line that a worker says told."""
        self._mailbox.noted.remote().future().add_done_callback(self._noted)

    def _noted(self, line: Future[str | None]) -> None:
        """Tell what a worker says, once where several say the same."""
        said = line.result() if line.exception() is None else None
        if said is None or self._over.is_set():
            return
        last, when = self._last_note
        now = time.monotonic()
        if said != last or now - when > SAME_SECONDS:
            self._last_note = (said, now)
            self._tell(said)
        self._listen()

    def _lost(self, holder: str, why: str) -> None:
        """A process is gone, or could not even be started."""
        self._mailbox.lost.remote(holder)
        if not self._under_way:  # as while the front is measured again
            return
        self._losses += 1
        self._tell(f"a worker was lost, its evaluation goes elsewhere: {why}")
        if self._losses >= MOST_LOSSES:
            self._fail(
                HostFailed(f"executor: {self._losses} workers were lost in a row, of which none gave a result: {why}")
            )

    def _fail(self, error: Exception) -> None:
        """Let all that is under way end with an error, and all that is submitted later."""
        self._failure = error
        for future in list(self._under_way):
            _end(future, error)

    def _came(self, future: Future[Candidate], artifact: Path, reply: Future[bytes | None]) -> None:
        """An outcome came: write the artefact, and pass the candidate on."""
        self._under_way.discard(future)
        self._losses = 0
        if future.done():
            return
        try:
            content = reply.result()
            if content is None or self._over.is_set():
                raise CancelledError
            outcome: Outcome = pickle.loads(content)
            candidate = outcome.written(artifact)
        except Exception as error:
            _end(future, _of_the_cluster(error))
            return
        with suppress(InvalidStateError):  # all were given up meanwhile
            future.set_result(candidate)


def _end(future: Future[Candidate], error: Exception) -> None:
    """Let a future end with an error, unless another thread has ended it."""
    with suppress(InvalidStateError):
        future.set_exception(error)


def _of_the_cluster(error: Exception) -> Exception:
    """An error of an evaluation as it is, one of the connection as what it means."""
    import ray

    if isinstance(error, ray.exceptions.RayError):
        return HostFailed(f"executor: the connection to Ray is lost: {one_line(error)}; the same command goes on")
    return error


def _died(deaths: int) -> bytes:
    """The outcome of a policy that processes have died of."""
    message = f"the process that evaluated it died {deaths} times, and its node did not: out of memory, or a crash"
    return pickle.dumps(Outcome.of_error(RuntimeError(message)))


def _name(trial: Any) -> str:
    """Of a trial of Ray Tune's, and of its folder."""
    return f"evaluation_{trial.trial_id}"
