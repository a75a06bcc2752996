"""Representative days of a load: few days that stand for many of one kind."""

from __future__ import annotations

import numpy as np


def representative_days(days_mw: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most ``most`` load curves that stand for days, and the number of days that each stands for.

    The day of the highest load stands for itself. The others are put into groups of similar curves by Ward's method
    (Ward 1963, doi:10.1080/01621459.1963.10500845); of each group the day nearest to the group's mean curve is taken,
    moved to the group's mean load and stretched about it to the group's mean peak-valley difference, so that both are
    kept over all days. The result does not depend on chance.

    Parameters
    ----------
    days_mw : (D, T) array
        Load of each day [MW].
    most : int
        Largest number of representative days, at least 1; where it is no less than D, the days are returned.

    Returns
    -------
    (n, T) array
        Load curves [MW].
    (n,) array
        Number of days; they sum to D.
    """
    n_days = len(days_mw)
    if most >= n_days:
        return days_mw, np.ones(n_days)
    if most == 1:
        return _stand_in(days_mw)[None], np.array([float(n_days)])
    highest = int(days_mw.max(axis=1).argmax())
    others = np.delete(days_mw, highest, axis=0)
    from scipy.cluster.hierarchy import fcluster, linkage  # 0.4 s of every start if imported above

    group = fcluster(linkage(others, method="ward"), most - 1, criterion="maxclust") if len(others) > 1 else np.ones(1)
    members = [others[group == one] for one in np.unique(group)]
    curves = [days_mw[highest], *(_stand_in(one) for one in members)]
    return np.array(curves), np.array([1.0, *(float(len(one)) for one in members)])


def _stand_in(days_mw: np.ndarray) -> np.ndarray:
    """Return the day nearest to the mean curve of days (D, T), with their mean load and peak-valley difference [MW]."""
    mean = days_mw.mean(axis=0)
    nearest = days_mw[((days_mw - mean) ** 2).sum(axis=1).argmin()]
    swing = np.ptp(nearest)
    stretch = np.ptp(days_mw, axis=1).mean() / swing if swing > 0 else 1.0
    return mean.mean() + stretch * (nearest - nearest.mean())
