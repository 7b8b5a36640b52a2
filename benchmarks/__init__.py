"""kobai beside what people would use instead, measured in one run: `python -m benchmarks`."""
