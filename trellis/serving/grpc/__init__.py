"""The gRPC edge: KServe's V2 service, health and reflection over the same data plane."""
