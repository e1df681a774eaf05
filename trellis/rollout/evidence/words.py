"""Numbers of the evidence as a person reads them."""

import math

from trellis.contracts.rollout_status import GuardrailVerdict, Tally
from trellis.rollout.looks import Count


def number(value: float) -> str:
    """With thousands apart; a fraction with three digits."""
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percent(part: float) -> str:
    """Two digits that tell: 3.5 %, 0.13 %."""
    return f"{float(f'{100 * part:.2g}'):g} %"


def e_value(log_e: float) -> str:
    """Three digits, from a million on with its power of ten; of any size."""
    if log_e < math.log(1e6):
        return f"{float(f'{math.exp(log_e):.2g}'):g}"
    power = math.floor(log_e / math.log(10))
    return f"{math.exp(log_e - power * math.log(10)):.1f}e{power}"


def share(count: Count | Tally, noun: str = "") -> str:
    """``12 of 340 requests (3.5 %)``."""
    unit = f" {noun}" if noun else ""
    if count.total == 0:
        return f"none of 0{unit}"
    return f"{number(count.events)} of {number(count.total)}{unit} ({percent(count.events / count.total)})"


def finding(verdict: GuardrailVerdict, alpha: float) -> str:
    """What follows: harm, within or undecided, with the e-value that says so or is still missing."""
    harm = f"e = {e_value(verdict.log_e_harm)} of {e_value(verdict.log_e_needed)} needed"
    within = f"e = {e_value(verdict.log_e_within)} of {e_value(-math.log(alpha))} needed"
    if verdict.state == "harm":
        return f"harm ({harm})"
    if verdict.state == "within":
        return f"within the margin ({within})"
    return f"undecided (harm: {harm}; within: {within})"
