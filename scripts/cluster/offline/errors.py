"""What stops a build, in words for the person who started it."""


class BuildError(Exception):
    """A part could not be built; the message says which, why, and what to do."""
