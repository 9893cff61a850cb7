"""Gathers the largest differences of a run of parity.py and writes them as Markdown."""

import dataclasses
import platform
from importlib import metadata

import numpy as np

PACKAGES = ("crispyx", "scanpy", "pydeseq2", "illico", "pdex", "numpy", "scipy", "numba", "anndata")


@dataclasses.dataclass
class Largest:
    """The largest differences of one layer over the cases of a group."""

    cases: int = 0
    absolute: float = 0.0
    relative: float = 0.0
    excess: float = 0.0
    allowed: set = dataclasses.field(default_factory=set)
    problems: list = dataclasses.field(default_factory=list)

    def add(self, case, finding):
        """Takes in one finding."""
        self.cases += 1
        self.allowed.add(finding.allowed)
        if finding.problem:
            self.problems.append(case)
            return
        self.absolute = max(self.absolute, finding.absolute)
        self.relative = max(self.relative, finding.relative)
        self.excess = max(self.excess, finding.excess)

    def row(self, layer):
        """One row of the table."""
        verdict = "differs: " + ", ".join(self.problems) if self.problems else "ok"
        if not self.problems and self.excess > 1:
            verdict = "beyond"
        used = "-" if self.allowed == {"equal"} else f"{100 * self.excess:.2g} %"
        same = self.absolute == 0 and not self.problems
        return [
            f"`{layer}`",
            str(self.cases),
            "bitwise" if same else f"{self.absolute:.1e}",
            "bitwise" if same else f"{self.relative:.1e}",
            "; ".join(sorted(self.allowed)),
            used,
            verdict,
        ]


def shares_size_factors(case):
    """Whether both sides have the same size factors: given, or from a file of integers.

    The reference takes logarithms of float32 counts in single precision.
    """
    given = {"size_factors", "size_factor_column"} & set(case.options)
    return bool(given) or "int64" in case.input


def group_of(case):
    """The heading under which a case is summed up."""
    if case.method == "nb-glm":
        kind = {"frozen": "frozen control", "cached": "cached control"}
        path = kind.get(case.name.split("/")[0], "full design")
        own = "" if shares_size_factors(case) else ", size factors of a float32 file"
        return f"nb-glm, {path}{own}"
    if case.method == "shrink":
        return f"shrink, {case.options.get('shrink_method', 'stats')}"
    return case.method


def table(heads, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


class Report:
    """Everything that one run of parity.py found."""

    def __init__(self, seeds):
        self.seeds, self.groups, self.peers = list(seeds), {}, {}

    def add(self, case, findings):
        """Takes in the findings of one case."""
        layers = self.groups.setdefault(group_of(case), {})
        for finding in findings:
            layers.setdefault(finding.layer, Largest()).add(case.name, finding)

    def add_peer(self, name, lines):
        """Takes in the comparison with another package."""
        self.peers.setdefault(name, []).extend(lines)

    def markdown(self):
        """The whole report."""
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
        text = [
            "# Largest differences from the reference",
            "",
            f"Printed by `scripts/parity.sh --seed {self.seeds[0]} --screens {len(self.seeds)}`,",
            f"Python {platform.python_version()}, {versions}.",
            "A value missing on one side only is beyond every tolerance. Relative differences are",
            "those of single elements, near zero as elsewhere. Without a floor on fitted means, genes",
            "silent in the control have no intercept; they are compared loosely, and are in `used`",
            "but not in the differences.",
        ]
        heads = ["layer", "cases", "largest difference", "relative", "allowed", "used", ""]
        for group, layers in self.groups.items():
            rows = [largest.row(layer) for layer, largest in layers.items()]
            text += ["", f"## {group}", "", *table(heads, rows)]
        if self.peers:
            rows = [
                [name, line.what, line.value(), line.limit(), "ok" if line.passed else "beyond"]
                for name, lines in self.peers.items()
                for line in lines
            ]
            heads = ["package", "what", "found", "gate", ""]
            text += ["", "## Beside other packages", "", *table(heads, rows)]
        return "\n".join(text) + "\n"


@dataclasses.dataclass
class PeerLine:
    """One figure of a comparison with another package."""

    what: str
    found: float
    most: float = np.inf
    least: float = -np.inf

    @property
    def passed(self):
        """Whether the figure is within its gate."""
        return bool(self.least <= self.found <= self.most)

    def value(self):
        """The figure as text."""
        return f"{self.found:.6g}" if self.found else "0"

    def limit(self):
        """The gate as text."""
        if np.isfinite(self.most):
            return f"at most {self.most:g}"
        return f"at least {self.least:g}" if np.isfinite(self.least) else "reported only"

    def text(self):
        """One line of the report."""
        verdict = "ok  " if self.passed else "FAIL"
        return f"  {verdict} {self.what}: {self.value()} ({self.limit()})"
