"""Derivatives with error bars, beside those of others: python -m benchmarks.differentiate."""
