"""The line protocol that a peer speaks with `cargo xtask bench`.

One JSON object per line comes back for every line sent, after a first one that introduces the peer:

    {"peer": "…", "versions": {…}, "works": {work: [variant, …]}}
    warm WORK VARIANT           prepare it and run it until nothing is left to compile or to allocate
    time WORK VARIANT SECONDS   run it for at least SECONDS; {"seconds": per unit, "units": how many}
    drop WORK VARIANT           give its memory back
    (end of input)              the end

A variant is a callable without arguments that makes a runner; a runner has `run(n)`, which does n units and returns the
seconds they took. `Loop` makes one from a function that does one unit.
"""

import gc
import json
import sys
import time


class Loop:
    """Runs one function again and again in this process."""

    def __init__(self, unit, warm_up=3):
        self.unit = unit
        self.warm_up = warm_up

    def run(self, units):
        start = time.perf_counter()
        for _ in range(units):
            self.unit()
        return time.perf_counter() - start

    def close(self):
        self.unit = None


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
