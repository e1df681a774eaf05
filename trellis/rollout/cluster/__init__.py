"""Kubernetes: what a cluster says becomes plain data, and what was decided becomes patches."""
