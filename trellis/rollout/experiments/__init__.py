"""Experiments, whatever carries them out: pure arithmetic and decisions, and the pass over both.

``goal`` compares the arms, ``evidence`` keeps all that is known of one experiment, ``verdict`` says it,
``epochs`` sets the weights of ``weighted`` from what has ripened. ``course`` is what to do next, ``report``
the status after it, ``assignment`` what a table takes from that; ``reconcile`` is one pass, over ``ports``
and what ``counting`` reads of Redis; ``telling`` passes on what happened.
"""
