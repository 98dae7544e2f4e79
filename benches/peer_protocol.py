"""The line protocol that a peer speaks with `cargo xtask bench`.

One JSON object per line comes back for every line sent, after a first one that introduces the peer:

    {"peer": "…", "versions": {…}, "works": {work: [variant, …]}}
    warm WORK VARIANT           prepare it and run it until nothing is left to compile or to allocate
    time WORK VARIANT SECONDS   run it for at least SECONDS; {"seconds": per unit, "units": how many}
    drop WORK VARIANT           give its memory back
    (end of input)              the end

A variant is a callable without arguments that makes a runner; a runner has `run(n)`, which does n units and returns the
seconds they took. `Loop` makes one from a function that does one unit, `Chains` one from a `Loop` per core.
"""

import gc
import json
import multiprocessing
import os
import sys
import time

# As many as the other side has.
THREADS = int(os.environ.get("PEER_THREADS") or os.cpu_count())


class Loop:
    """Runs one function again and again in this process.

    A call does `units_per_call` units; `wait`, if there is one, is handed the last call's result when all are done, for
    libraries whose calls return before they have finished.
    """

    def __init__(self, call, warm_up=3, units_per_call=1, wait=None):
        self.call, self.warm_up, self.units_per_call, self.wait = call, warm_up, units_per_call, wait

    def run(self, units):
        calls = -(-units // self.units_per_call)
        result = None
        start = time.perf_counter()
        for _ in range(calls):
            result = self.call()
        if self.wait:
            self.wait(result)
        return (time.perf_counter() - start) * units / (calls * self.units_per_call)

    def close(self):
        self.call = None


def chain(pipe, barrier, make):
    loop = make()
    loop.run(loop.warm_up)
    while (units := pipe.recv()) is not None:
        barrier.wait()
        pipe.send(loop.run(units))


class Chains:
    """One chain per core, each in a process of its own with one thread: no synchronization between them.

    `make` is called in each process, returns a `Loop` and sees to it that it has one thread. Where the system can, each
    process is bound to its core from its start, before it has imported anything.
    """

    warm_up = 1

    def __init__(self, make):
        context = multiprocessing.get_context("spawn")
        # Kept, or its semaphores would be gone before the processes have opened them.
        self.barrier = barrier = context.Barrier(THREADS)
        self.pipes, self.processes = [], []
        can_bind = hasattr(os, "sched_setaffinity")
        cores = os.sched_getaffinity(0) if can_bind else ()
        for core in range(THREADS):
            ours, theirs = context.Pipe()
            process = context.Process(target=chain, args=(theirs, barrier, make), daemon=True)
            if THREADS <= len(cores):
                os.sched_setaffinity(0, {sorted(cores)[core]})
            process.start()
            self.pipes.append(ours)
            self.processes.append(process)
        if can_bind:
            os.sched_setaffinity(0, cores)

    def run(self, units):
        """`units` chain-steps of the whole machine; the slower chain decides."""
        each = -(-units // THREADS)
        for pipe in self.pipes:
            pipe.send(each)
        return max(pipe.recv() for pipe in self.pipes) * units / (each * THREADS)

    def close(self):
        for pipe, process in zip(self.pipes, self.processes):
            if process.is_alive():
                pipe.send(None)
            process.join()


def timed(runner, seconds):
    """Seconds per unit: as many units as fill the time, at least one; only whole calls count."""
    units, spent, batch = 0, 0.0, 1
    while spent < seconds:
        took = runner.run(batch)
        units, spent = units + batch, spent + took
        # The clock is looked at a few times in all, so that looking at it costs nothing.
        batch = max(1, int(min(0.25 * seconds, seconds - spent) / (spent / units)))
    return spent / units, units


def answer(words, works, running):
    command, work, variant = words[:3]
    key = (work, variant)
    if variant not in works.get(work, {}):
        raise ValueError(f"unknown work {work} {variant}")
    if command == "drop":
        if key in running:
            running.pop(key).close()
        gc.collect()
        return {}
    if key not in running:
        running[key] = works[work][variant]()
        running[key].run(running[key].warm_up)
    if command == "warm":
        return {}
    seconds, units = timed(running[key], float(words[3]))
    return {"seconds": seconds, "units": units}


def serve(peer, versions, works):
    """`works` maps a work to its variants, each with a callable that makes a runner."""
    # Libraries print to stdout as they please; only this keeps the real one.
    out, sys.stdout = sys.stdout, sys.stderr

    def say(value):
        print(json.dumps(value), file=out, flush=True)

    say({"peer": peer, "versions": versions, "works": {work: list(variants) for work, variants in works.items()}})
    running = {}
    for line in sys.stdin:
        try:
            say(answer(line.split(), works, running))
        except Exception as error:  # one work that fails must not take the others with it
            say({"error": f"{type(error).__name__}: {error}".splitlines()[0][:500]})
    for runner in running.values():
        runner.close()
