"""What goes wrong with a cluster, in words for the person at the terminal."""


class ClusterError(Exception):
    """A step cannot go on.

    ``problem`` names the thing and what was found; ``remedy`` says what to do about it.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n  {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy
