"""What can go wrong between the controller and the cluster, one tree."""


class ControllerError(Exception):
    """``str(error)`` is a sentence for a person."""


class CannotStart(ControllerError):
    """A setting, a port or the way to the API server cannot be used."""


class ApiUnreachable(ControllerError):
    """The API server does not answer, or answers that it cannot (429, 5xx): asked again later."""


class ApiRefused(ControllerError):
    """The API server, or a webhook behind it, said no.

    ``status`` is HTTP's, ``reason`` Kubernetes' own word for it.
    """

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason


class Missing(ApiRefused):
    """404: there is no such object, or no such kind."""


class Conflict(ApiRefused):
    """409: it changed since it was read, it exists already, or a field is another manager's."""


class Expired(ApiRefused):
    """410: a watch or a list goes back further than the API server remembers."""
