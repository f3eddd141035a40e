"""A chart of many groups: their memory and their time to start, against the number of syncs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Curve = Mapping[int, float]
"""Number of syncs → what was measured."""


def draw(path: Path, panels: Mapping[str, Mapping[str, Curve]]) -> None:
    """Draw a panel for each figure, with a curve for each design. The suffix of `path` decides the format.

    This needs matplotlib, which nothing else here needs: `pip install matplotlib`.
    """
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "jira-sync"  # the same figures make the same file
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, len(panels), figsize=(5.2 * len(panels), 3.8), layout="constrained")
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        for name, curve in curves.items():
            axis.plot(list(curve), list(curve.values()), marker="o", markersize=4, label=name)
        axis.set(xlabel="syncs", title=title)
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})
