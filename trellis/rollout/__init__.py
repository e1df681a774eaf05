"""The control plane: which revision gets which share of the traffic."""
