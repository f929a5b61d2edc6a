"""Measurements that anyone can repeat: `python -m benchmarks NAME`; what they mean is in docs/benchmarks.md."""
