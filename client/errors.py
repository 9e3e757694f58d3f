"""What commands fail with. The standard library alone: some run before anything is installed."""


class ServiceError(Exception):
    """The service refused or could not be reached; `str(error)` says what to do."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type
