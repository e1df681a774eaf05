"""The controller's HTTP: the routing table, and what people may ask of models, experiments, rollouts."""
