"""Prints the medians of interleaved rounds of both programs and their ratio.

    python compare.py DIRECTORY ROUNDS

DIRECTORY holds `ours-N.json` of measure.py and `reference-N.json` of reference.py.
"""

import json
import pathlib
import statistics
import sys


def main():
    directory, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])

    def load(name):
        return [json.loads((directory / f"{name}-{i}.json").read_text()) for i in range(1, rounds + 1)]

    ours, reference = load("ours"), load("reference")
    # The reference is timed warm: its second run in one process, with everything compiled.
    rows = [
        ("wall time, s", "wall_seconds", "wall_seconds_warm", 1),
        ("CPU time, s", "cpu_seconds", "cpu_seconds_warm", 1),
        ("peak memory (PSS), MB", "peak_pss_bytes", "peak_pss_bytes", 1e6),
    ]
    print(f"{'median of ' + str(rounds):24}{'crispyx cluster':>18}{'crispyx 0.0.4':>18}{'ratio':>10}")
    for title, our_key, their_key, unit in rows:
        our = statistics.median(run[our_key] for run in ours) / unit
        their = statistics.median(run[their_key] for run in reference) / unit
        print(f"{title:24}{our:18.2f}{their:18.2f}{their / our:9.1f}x")


if __name__ == "__main__":
    main()
