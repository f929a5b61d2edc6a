"""A request that cannot be run as it is."""

from router.engine.wire import Code


class InvalidError(Exception):
    """Becomes `Failed`. The message holds nothing that the client wrote."""

    def __init__(self, message: str, param: str | None = None, code: Code = "invalid_value") -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code: Code = code
