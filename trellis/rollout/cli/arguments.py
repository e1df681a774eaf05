"""Shares and spans of time as arguments of a command line."""

import argparse

from trellis.contracts.amounts import seconds, share


def share_argument(text: str) -> float:
    """``0.5%`` as a part of 1."""
    try:
        return share(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def span_argument(text: str) -> float:
    """``1h30m`` in seconds; more than none."""
    try:
        found = seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if found <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; expected more")
    return found
