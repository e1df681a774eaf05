"""The rollout's part of the benchmarks: what its rules catch beside its peers' on the same traffic."""
