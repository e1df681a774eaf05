"""Writes what the manifests take from the code: Grafana's boards, from the metrics' own names."""
