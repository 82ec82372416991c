/**
 * What a test of AOS, or of something that implements one of its ports, needs: a clock that the test moves, randomness
 * that a seed decides, a ledger in memory, the suites that every implementation of a port must pass, and the simulator.
 * In: a test's seed, its steps of time, a maker of the port under test. Out: deterministic runs and `node:test` cases.
 * Only `replay` reads a file, the one it is given; otherwise it never touches the real clock, the disk or the network, and nothing imports it but tests and `aos sim`.
 */
export { FakeClock } from "./fake-clock.ts";
export { type LedgerCase, ledgerCases, ledgerConformance } from "./ledger-conformance.ts";
export { MemoryLedger } from "./memory-ledger.ts";
export { type ConformanceCase, type StoreKind, type StoreUnderTest, storeCases, storeConformance } from "./store-conformance.ts";
export { replay, type ReplayableAgent } from "./replay.ts";
export { SeededEntropy } from "./seeded-entropy.ts";
export { type FaultRates, type ScriptedFault, USUAL_FAULTS } from "./simulation/faults.ts";
export { type InvariantName, INVARIANTS, type Violation } from "./simulation/invariants.ts";
export { type KernelSimulationOptions, simulateKernel, type SimulationResult } from "./simulation/kernel-simulation.ts";
export { commands, type Happening, type Made, type Moments, operates, sends, type SimulatedTarget } from "./fleet/happenings.ts";
export { type FleetSimulationOptions, type FleetSimulationResult, type Promised, simulate } from "./fleet/simulate.ts";
export { type OutsideEvent, type SimulatedAgent, type World } from "./fleet/world.ts";
export type { SimRandom } from "./simulation/random.ts";
export type { SimEffect } from "./simulation/sim-outside.ts";
