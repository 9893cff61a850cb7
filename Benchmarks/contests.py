"""What is measured beside what: our command, the peers that do the same, how they must agree."""

import dataclasses
from collections.abc import Callable

import agreement
from prepare import Size

SCREEN = Size(perturbations=100, genes=4000)
# The reference takes minutes to shrink this one.
MEDIUM_SCREEN = Size(perturbations=50, genes=2000)
QUICK_SCREEN = Size(perturbations=10, genes=500, cells_per_perturbation=50)
QUICK_SMALL_SCREEN = Size(perturbations=5, genes=60, cells_per_perturbation=30)

# The low-expression filter off: scanpy and illico have none, and all are to do the same work.
ALL_GENES = [
    part
    for name in ("pct-ctrl", "pct-pert", "mean-ctrl", "mean-pert")
    for part in (f"--min-{name}", "0")
]


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another program, by its name in peers.py."""

    name: str
    title: str
    agree: Callable
    # Measured once, after a first run on a quick screen, not in every round.
    is_slow: bool = False
    aim: str = ""


@dataclasses.dataclass(frozen=True)
class Contest:
    """One analysis and the programs that do it."""

    name: str
    title: str
    kind: str  # which file of `prepare.Files`
    options: tuple
    peers: tuple
    size: Size = SCREEN
    quick: Size = QUICK_SCREEN
    command: str = "run"

    def chosen_size(self, is_quick):
        """The size of its screen."""
        return self.quick if is_quick else self.size

    def our_command(self, coordinator, path, counts, output):
        """Our command line; `counts` is the screen that a result was computed from."""
        where = [path, "--input", counts]
        if self.command == "run":
            where = [path, "--perturbation-column", "perturbation", "--control-label", "control"]
        last = ["--output", output, "--force", "--quiet", "--json"]
        return [str(x) for x in [coordinator, self.command, *where, *self.options, *last]]


NB_GLM = ("--method", "nb-glm")

CONTESTS = (
    Contest(
        "wilcoxon",
        "Wilcoxon rank sums of log-normalised expression",
        "log",
        ("--method", "wilcoxon", *ALL_GENES),
        (
            Peer(
                "illico-wilcoxon", "illico, read and test", agreement.illico_wilcoxon, aim="1x"
            ),
            Peer(
                "crispyx-wilcoxon",
                "crispyx `wilcoxon_test`",
                agreement.crispyx("wilcoxon", "crispyx_wilcoxon.h5ad"),
                is_slow=True,
            ),
            Peer(
                "scanpy-wilcoxon",
                "scanpy `rank_genes_groups`, read and test",
                agreement.scanpy_wilcoxon,
                is_slow=True,
            ),
        ),
    ),
    Contest(
        "t-test",
        "Welch's t-test of log-normalised expression",
        "log",
        ("--method", "t-test", *ALL_GENES),
        (
            Peer("h5py-read", "h5py, read of the arrays", agreement.h5py_read, aim="0.5x"),
            Peer(
                "crispyx-t-test",
                "crispyx `t_test`",
                agreement.crispyx("t-test", "crispyx_t_test.h5ad"),
            ),
            Peer(
                "scanpy-t-test",
                "scanpy `rank_genes_groups`, read and test",
                agreement.scanpy_t_test,
            ),
        ),
    ),
    Contest(
        "frozen",
        "NB-GLM, control frozen",
        "counts",
        (*NB_GLM, "--freeze-control", "on"),
        (
            Peer(
                "crispyx-frozen",
                "crispyx `nb_glm_test(freeze_control=True)`",
                agreement.crispyx("nb-glm", "crispyx_nb_glm.h5ad", freeze_control=True),
            ),
        ),
    ),
    Contest(
        "cached",
        "NB-GLM, control cached",
        "counts",
        (*NB_GLM, "--freeze-control", "off"),
        (
            Peer(
                "crispyx-cached",
                "crispyx `nb_glm_test(freeze_control=False)`",
                agreement.crispyx("nb-glm", "crispyx_nb_glm.h5ad"),
                is_slow=True,
                aim="40x",
            ),
        ),
    ),
    Contest(
        "apeglm",
        "NB-GLM with apeGLM shrinkage",
        "counts",
        (*NB_GLM, "--freeze-control", "off", "--lfc-shrinkage-type", "apeglm"),
        (
            Peer(
                "crispyx-apeglm",
                'crispyx `nb_glm_test(lfc_shrinkage_type="apeglm")`',
                agreement.crispyx("nb-glm", "crispyx_nb_glm.h5ad", lfc_shrinkage_type="apeglm"),
                is_slow=True,
            ),
        ),
        MEDIUM_SCREEN,
        QUICK_SMALL_SCREEN,
    ),
    Contest(
        "shrink",
        "apeGLM shrinkage of a result, counts read again",
        "result",
        ("--method", "full"),
        (
            Peer(
                "crispyx-shrink",
                'crispyx `shrink_lfc(method="full")`',
                agreement.crispyx("shrink", "crispyx_shrunk.h5ad", shrink_method="full"),
                is_slow=True,
                aim="100x",
            ),
        ),
        MEDIUM_SCREEN,
        QUICK_SMALL_SCREEN,
        "shrink",
    ),
)
