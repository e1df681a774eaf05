"""The gateway's part of the benchmarks: its rows, and what no row of requests a second can say."""
