"""One controller with many Rollouts on a real API server: what it costs, and how soon it acts."""
