"""The components of a cluster: what of their YAML is applied, set for this cluster."""
