"""The pricing model: functions on arrays, which import no reader of files, no pymoo and no engine.

Equation numbers are those of "the 2022 paper": X. Dong, Liu, Qu, Song, Wang, Bo, Electric Power Automation Equipment
42(7), 2022 (in Chinese; see ``CITATION.cff``). "Reconstructed" marks formulas that the paper does not print in full;
``docs/assumptions.md`` states what is assumed for each.
"""
