"""The person's commands: ``trellis rollout``, ``experiment``, ``plan`` and ``simulate``; one a file."""
