"""Figures that the paper of a bundled case prints, to set beside our results."""

from __future__ import annotations

from dataclasses import dataclass

from csmoifsa_energy.checks import Parameters


@dataclass(frozen=True, kw_only=True)
class Published(Parameters):
    """Figures that a paper prints for a case, for comparison with our results; each may be missing.

    Attributes
    ----------
    before_g1_mw, before_g2_mw : float, optional
        Peak and peak-valley difference before pricing [MW].
    after_g1_mw, after_g2_hours_mw, after_g3_mw2, after_saving, after_satisfaction : float, optional
        Figures of the compromise: peak [MW], 24 times the peak-valley difference [MW], mean square deviation [MW^2],
        saving [currency/year] and satisfaction.
    front_saving : (float, float), optional
        Least and largest saving that the paper shows on its front [currency/year].
    steep_satisfaction : (float, float), optional
        Satisfactions between which the curves of its front are steepest.
    fitted : bool
        Whether the case's parameters were fitted to these figures, so that agreement is no test of the model.
    """

    before_g1_mw: float | None = None
    before_g2_mw: float | None = None
    after_g1_mw: float | None = None
    after_g2_hours_mw: float | None = None
    after_g3_mw2: float | None = None
    after_saving: float | None = None
    after_satisfaction: float | None = None
    front_saving: tuple[float, float] | None = None
    steep_satisfaction: tuple[float, float] | None = None
    fitted: bool = False
