"""``/dashboard/rollouts`` and ``/dashboard/experiments``: what is on trial, with its evidence."""
