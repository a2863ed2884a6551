"""The statistics on synthetic clocks with a known truth, and real measurements without tight timing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import (
    AMISS,
    SPREAD_AMID_OTHERS,
    Latency,
    LatencyProtocol,
    measure,
    summarise,
)
from parefront.evaluators.device.timing import Block, Timing
from parefront.evaluators.results.measurement import Z_95

PROTOCOL = LatencyProtocol()
PATIENT = LatencyProtocol(patient=True)


def block(wall_ms: np.ndarray, kept: np.ndarray | None = None, cpu_ms: np.ndarray | None = None) -> Block:
    wall = (wall_ms * 1e6).astype(np.int64)
    cpu = wall if cpu_ms is None else (cpu_ms * 1e6).astype(np.int64)
    return Block(wall, cpu, np.ones(len(wall), dtype=bool) if kept is None else kept)


def timing(candidate: list[Block], reference: list[Block]) -> Timing:
    return Timing(tuple(candidate), tuple(reference), 0.5, 0.1, 0.02, True)


def synthetic(seed: int, ratio: float = 0.5, pairs: int = 30, drift: float = 0.0, noise: float = 0.02) -> Timing:
    """Runs of 2 ms and `ratio` x 2 ms: skewed noise in every run, and a level that wanders from pair to pair."""
    generator = np.random.default_rng(seed)
    level = 2 * np.exp(0.03 * np.sin(np.arange(pairs) / 4)) * np.linspace(1, 1 + drift, pairs)

    def runs(of: float) -> Block:
        shared = generator.normal(scale=noise)
        return block(of * np.exp(shared + generator.exponential(noise, 9)))

    return timing([runs(ratio * at) for at in level], [runs(at) for at in level])


def test_the_interval_of_the_ratio_covers_the_truth() -> None:
    latencies = [summarise(synthetic(seed), LatencyProtocol(session_spread=0.0)) for seed in range(120)]
    assert np.mean([latency.ratio.low <= 0.5 <= latency.ratio.high for latency in latencies]) >= 0.9
    assert np.median([latency.ratio.half_width for latency in latencies]) < 0.01


def test_the_spread_between_sessions_is_added_to_the_interval() -> None:
    plain, widened = (summarise(synthetic(0), LatencyProtocol(session_spread=spread)) for spread in (0.0, 0.01))
    assert widened.ratio.value == plain.ratio.value
    assert widened.ratio.low < plain.ratio.low < plain.ratio.high < widened.ratio.high
    assert widened.ratio.half_width > 0.0196 * widened.ratio.value


def test_values_units_and_counts() -> None:
    latency = summarise(synthetic(1), PROTOCOL)
    assert latency.ratio.value == pytest.approx(0.5, rel=0.02)
    assert latency.latency_ms.value == pytest.approx(1.0, rel=0.1)
    assert latency.reference_ms.value == pytest.approx(2.0, rel=0.1)
    assert (latency.ratio.unit, latency.latency_ms.unit, latency.ratio.n) == ("x", "ms", 30)
    assert latency.p50_ms < latency.p90_ms < latency.p99_ms
    assert (latency.runs, latency.dropped, latency.clock) == (270, 0, "wall")
    assert not latency.noisy
    assert latency.why_noisy == ()
    assert json.loads(json.dumps(latency.to_json()))["ratio"]["value"] == latency.ratio.value


def test_a_drift_of_the_machine_makes_the_latency_noisy_but_not_the_ratio() -> None:
    latency = summarise(synthetic(2, drift=0.3), PROTOCOL)
    assert latency.noisy
    assert latency.latency_ms.noisy
    assert not latency.ratio.noisy
    assert latency.ratio.value == pytest.approx(0.5, rel=0.03)
    assert latency.why_noisy == ("the time drifted by +6%",)
    assert (latency.latency_ms.why_noisy, latency.ratio.why_noisy) == (("drifted",), ())


def test_percentiles_of_single_runs_rise_and_have_intervals() -> None:
    latency = summarise(synthetic(2), PROTOCOL)
    assert latency.p50 is not None
    assert latency.p95 is not None
    assert latency.p50.value < latency.p95.value < latency.p99.value
    assert latency.p50.value == pytest.approx(latency.p50_ms, rel=0.01)
    assert all(measured.low < measured.value < measured.high for measured in (latency.p50, latency.p95))


def test_a_reading_keeps_the_clock_that_it_had() -> None:
    assert summarise(replace(synthetic(2), clock_mhz=(1500.0, 1490.0)), PROTOCOL).clock_mhz == (1500.0, 1490.0)


def test_a_drift_is_told_to_be_throttling_where_the_clock_has_fallen() -> None:
    drifted = synthetic(2, drift=0.3)
    hot, steady = (replace(drifted, clock_mhz=mhz) for mhz in ((1500.0, 1200.0), (1500.0, 1490.0)))
    assert summarise(hot, PROTOCOL).why_noisy == ("the time drifted by +6% while the clock fell from 1500 to 1200 MHz",)
    assert summarise(steady, PROTOCOL).why_noisy == ("the time drifted by +6%",)
    faster = replace(synthetic(2, drift=-0.4), clock_mhz=(1500.0, 1200.0))
    assert "while" not in "".join(summarise(faster, PROTOCOL).why_noisy)


def test_a_wide_interval_is_noisy() -> None:
    latency = summarise(synthetic(3, noise=0.3), PROTOCOL)
    assert latency.noisy
    assert "the time scattered" in latency.why_noisy
    assert "scattered" in latency.latency_ms.why_noisy
    assert set(latency.latency_ms.why_noisy) <= set(AMISS)


def preempted(share: float) -> Timing:
    """2 ms against 4 ms of CPU time, where `share` of the runs took ten times as long by the wall clock."""
    generator = np.random.default_rng(0)

    def runs(cpu_ms: float) -> Block:
        hit = generator.random(9) < share
        return block(np.where(hit, 10 * cpu_ms, cpu_ms), ~hit, np.full(9, cpu_ms))

    return timing([runs(2) for _ in range(20)], [runs(4) for _ in range(20)])


def test_preempted_runs_are_dropped_and_counted() -> None:
    latency = summarise(preempted(0.1), PROTOCOL)
    assert latency.dropped > 10
    assert latency.runs < 180
    assert (latency.clock, latency.noisy) == ("wall", False)
    assert (latency.latency_ms.value, latency.p99_ms) == (2.0, 2.0)


def test_on_a_busy_machine_the_cpu_clock_stands_in() -> None:
    latency = summarise(preempted(0.9), PROTOCOL)
    assert (latency.clock, latency.noisy) == ("cpu", True)
    assert latency.why_noisy == (f"{latency.dropped / 360:.0%} of the runs were preempted",)
    assert latency.ratio.value == 0.5


def test_protocols_that_make_no_sense_are_refused() -> None:
    for terms in ({"min_seconds": 2.0, "max_seconds": 1.0}, {"min_samples": 0}, {"half_width": 0.0}):
        with pytest.raises(ValueError, match="expected"):
            LatencyProtocol(**terms)


@pytest.fixture(scope="module")
def measured(device: Device, conv_net: Callable[..., Path]) -> dict[str, Latency]:
    small, large = conv_net(8, 2, (16, 16)), conv_net(32, 6, (16, 16))
    protocol = LatencyProtocol(min_seconds=0.2, max_seconds=0.8)
    pairs = {"smaller": (small, large), "larger": (large, small), "same": (large, large)}
    return {name: measure(device, *pair, protocol) for name, pair in pairs.items()}


def test_the_smaller_net_is_faster_whichever_is_the_reference(measured: dict[str, Latency]) -> None:
    assert measured["smaller"].ratio.high < 1 < measured["larger"].ratio.low
    assert measured["smaller"].latency_ms.high < measured["smaller"].reference_ms.low
    assert 0.4 < measured["smaller"].ratio.value * measured["larger"].ratio.value < 2.5


def test_a_net_is_as_fast_as_itself(measured: dict[str, Latency]) -> None:
    assert measured["same"].ratio.value == pytest.approx(1, rel=0.25)
    assert measured["same"].runs >= 8


def test_the_creation_of_the_session_is_timed(measured: dict[str, Latency]) -> None:
    assert all(0 < latency.session_seconds < 10 for latency in measured.values())


def beside_neighbours(of: list[float], foreign: list[float]) -> Timing:
    """Pairs of blocks with the ratios ``of``, while others kept so many cores busy."""
    candidate = [block(np.full(9, ratio)) for ratio in of]
    reference = [block(np.full(9, 1.0)) for _ in of]
    return replace(timing(candidate, reference), foreign_cores=tuple(foreign))


def test_pairs_timed_beside_a_neighbour_are_left_out() -> None:
    judged = summarise(beside_neighbours([0.5] * 10 + [0.9] * 10, [0.1] * 10 + [1.9] * 10), PROTOCOL)
    assert judged.ratio.value == pytest.approx(0.5)
    assert judged.ratio.n == 10
    assert not judged.noisy
    assert judged.foreign_cores == pytest.approx(1.0)


def test_where_too_few_pairs_are_undisturbed_the_measurement_is_noisy() -> None:
    assert not summarise(beside_neighbours([0.5] * 20, [0.1] * 20), PROTOCOL).noisy
    judged = summarise(beside_neighbours([0.5] * 20, [0.1] * 3 + [1.9] * 17), PROTOCOL)
    assert judged.noisy
    assert judged.ratio.n == 20


def test_a_neighbour_that_was_there_all_along_leaves_no_pair_out() -> None:
    judged = summarise(beside_neighbours([0.5] * 20, [1.9] * 20), PROTOCOL)
    assert (judged.ratio.n, judged.noisy) == (20, False)


def test_where_others_have_nearly_half_of_the_cores_all_along_the_measurement_is_noisy() -> None:
    crowded = beside_neighbours([0.5] * 20, [1.0] * 20)
    assert summarise(replace(crowded, cores=2), PROTOCOL).why_noisy == ("other programs kept 1.0 cores busy",)
    assert not summarise(replace(crowded, cores=8), PROTOCOL).noisy


def test_an_interval_amid_others_is_as_wide_as_such_readings_are_off() -> None:
    quiet = beside_neighbours([0.5] * 20, [0.1] * 20)
    crowded = replace(beside_neighbours([0.5] * 20, [1.5] * 20), cores=2)
    slow = replace(quiet, usual_ms=0.5)
    for timed, protocol, spread in (
        (quiet, PROTOCOL, PROTOCOL.spread),
        (crowded, PROTOCOL, SPREAD_AMID_OTHERS),
        (slow, PATIENT, SPREAD_AMID_OTHERS),
        (preempted(1.0), PROTOCOL, SPREAD_AMID_OTHERS),
        (crowded, replace(PROTOCOL, session_spread=0.2), 0.2),
    ):
        latency = summarise(timed, protocol)
        for measured in (latency.ratio, latency.latency_ms):
            assert measured.half_width / measured.value >= Z_95 * spread * 0.999
        assert latency.ratio.half_width / latency.ratio.value < Z_95 * spread + 0.01


def in_two_states(slow: list[bool], usual_ms: float) -> Timing:
    """Pairs with a ratio of 0.43; of 0.47 where something slows both models, the reference from 1 to 1.6 ms."""
    reference = [1.6 if slowed else 1.0 for slowed in slow]
    candidate = [0.47 * ms if ms > 1 else 0.43 * ms for ms in reference]
    blocks = ([block(np.full(9, ms)) for ms in times] for times in (candidate, reference))
    return replace(timing(*blocks), usual_ms=usual_ms)


@pytest.mark.parametrize(("usual_ms", "ratio", "pairs"), [(1.0, 0.43, 6), (1.6, 0.47, 14), (0.0, 0.47, 14)])
def test_pairs_timed_at_another_pace_than_usual_are_left_out(usual_ms: float, ratio: float, pairs: int) -> None:
    mixed = in_two_states([True] * 14 + [False] * 6, usual_ms)
    for judged in (summarise(mixed, PROTOCOL), summarise(mixed, PATIENT)):
        assert judged.ratio.value == pytest.approx(ratio)
        assert (judged.ratio.n, judged.noisy) == (pairs, False)


def test_a_reference_that_never_takes_its_usual_time_is_noise_to_the_patient() -> None:
    slow = in_two_states([True] * 20, usual_ms=1.0)
    judged = summarise(slow, PATIENT)
    assert judged.why_noisy == ("the reference took 1.6 times as long as usual",)
    assert judged.ratio.value == pytest.approx(0.47)
    assert not summarise(slow, PROTOCOL).noisy
    assert summarise(in_two_states([False] * 20, usual_ms=1.6), PATIENT).noisy


def test_blocks_that_were_all_preempted_do_not_tell_the_pace() -> None:
    busy = preempted(1.0)
    assert summarise(replace(busy, usual_ms=9.0), PATIENT).why_noisy == summarise(busy, PROTOCOL).why_noisy


def test_energy_is_unknown_where_the_device_does_not_tell_and_never_zero() -> None:
    silent = synthetic(0)
    assert summarise(silent, PROTOCOL).energy_mj is None
    counted = replace(silent, candidate=tuple(replace(block, energy_uj=2500.0) for block in silent.candidate))
    energy = summarise(counted, PROTOCOL).energy_mj
    assert energy is not None
    assert (energy.value, energy.unit) == (2.5, "mJ")
