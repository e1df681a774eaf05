"""Admission of InferenceServices that have a Rollout: no version begins with traffic."""
