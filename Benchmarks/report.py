"""Turns measurements into Markdown."""

import os
import pathlib
import platform
import statistics

KEYS = ("wall_seconds", "cpu_seconds", "peak_pss_bytes")


HEADING = """# Benchmarks

`Benchmarks/run.sh` measures this project beside the packages that do the same, on the same files
and the same cores, and writes this page.

- Machine: {machine}.
- crispyx cluster {version}; Python {python}, {packages}.
- {taken} in which the programs take turns; files are in the page cache. Peers marked so
  are measured once, after a first run on a small screen.
- Ours is a whole run of the executables: start, read, compute in worker processes, result on the
  disk, exit. A peer is the second call in a Python process, with its imports done, its kernels
  compiled and its workers alive. crispyx goes from file to file; scanpy and illico read the file
  and leave their result in memory.
- Memory is the peak of PSS (shared pages count once) over all processes. Every peer may use all
  cores.
- Agreement is checked in the same run: all do the same work and come to the same numbers. scanpy
  and illico have no low-expression filter, so it is off in the rank sum test and the t-test.

"""


def medians(runs):
    """Median of each measure over the rounds."""
    return {key: statistics.median(run[key] for run in runs) for key in KEYS}


def number(value):
    """Three digits, no more than two after the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(heads, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def contest(title, screen, ours, stages, peers):
    """The section of one analysis.

    `ours` is a list of runs; `stages` a list of seconds by stage; `peers` rows of (title, runs,
    note, aim, agreement).
    """
    mine = medians(ours)

    def measured(found):
        return [
            f"{number(found['wall_seconds'])} s",
            f"{number(found['cpu_seconds'])} s",
            f"{number(found['peak_pss_bytes'] / 1e6)} MB",
        ]

    rows = [["**crispyx cluster**", *measured(mine), "", "", ""]]
    for name, runs, note, aim, agrees in peers:
        theirs = medians(runs)
        ratio = theirs["wall_seconds"] / mine["wall_seconds"]
        rows.append(
            [name + note, *measured(theirs), f"{number(ratio)}x", aim, agrees]
        )
    heads = ["", "wall time", "CPU time", "peak memory", "times our wall time", "aim", "agreement"]
    seconds = [
        f"{stage} {number(statistics.median(run[stage] for run in stages))} s"
        for stage in sorted(stages[0], key=lambda name: -stages[0][name])
    ]
    above = [f"## {title}", "", f"{screen}.", ""]
    return [*above, *table(heads, rows), "", "Stages of ours: " + ", ".join(seconds) + ".", ""]


def processor():
    """Name of the processor."""
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine():
    """Processor, cores, memory and system, in one line."""
    cores = len(os.sched_getaffinity(0))
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{processor()}, {cores} cores, {gigabytes:.0f} GiB, {platform.system()}, {platform.machine()}"


def heading(rounds, our_version, versions):
    """What was measured, with what, on what."""
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    taken = "Numbers of one round" if rounds == 1 else f"Medians of {rounds} rounds"
    text = HEADING.format(
        machine=machine(),
        version=our_version,
        python=platform.python_version(),
        packages=packages,
        taken=taken,
    )
    return text.splitlines()
