"""Experiments' arithmetic, pure: blocks of folded events in; intervals, a winner or a halt out.

``goal`` compares the arms, ``evidence`` keeps all that is known of one experiment, ``verdict`` says it,
``epochs`` sets the weights of ``weighted`` from what has ripened.
"""
