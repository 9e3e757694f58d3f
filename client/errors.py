"""What commands fail with. The standard library alone: some run before anything is installed."""


class ServiceError(Exception):
    """The service refused or could not be reached; `str(error)` says what to do.

    passes: time may mend it. wait: seconds after which the service wants to be asked again.
    """

    def __init__(
        self, type: str, message: str, *, passes: bool = False, wait: float | None = None
    ) -> None:
        super().__init__(message)
        self.type = type
        self.passes = passes
        self.wait = wait
