"""The pricing model of `outcome.evaluate` in compiled scalar loops.

The numpy functions are the reference; a test requires both to agree to 1e-12.
"""
