"""The benchmarks: each measured in turns, in processes of their own."""
