"""What the processes say of themselves: JSON logs, request ids, metric names, phases.

No process-specific knowledge and no heavy import belongs here.
"""
