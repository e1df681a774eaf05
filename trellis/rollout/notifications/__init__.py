"""Tells others of each step of a rollout: CloudEvents over HTTP, which hold up nothing.

A ``Notifier`` is offered what the plan says is unsent, pass after pass, and says up to where it was
sent; what is remembered over a restart is the plan's. So every step is sent at least once, and a
repetition, after a restart or a lost answer, has the id of the first.
"""

from trellis.rollout.notifications.event import Subject
from trellis.rollout.notifications.notifier import Notifier

__all__ = ["Notifier", "Subject"]
