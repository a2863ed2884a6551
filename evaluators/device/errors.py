"""What goes wrong between this program and the device that measures for it."""

from __future__ import annotations


class DeviceError(RuntimeError):
    """The device cannot be reached, does not answer, or answers nonsense; the first line says what to mend."""


class DeviceUnreachable(DeviceError):
    """No worker could be started there, or others kept it busy: whatever was to be measured is not at fault."""


class AnswerMalformed(DeviceUnreachable):
    """The worker serves the request and answers nonsense: program or connection there are broken, not the model."""


class WorkerDied(DeviceError):
    """The worker's process ended, or its stream broke, before it had answered; a fresh worker may do better."""


class RequestRefused(DeviceError):
    """The worker is well and says why it cannot serve this request; `code` is its short name for the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[RequestRefused], tuple[str, str]]:
        return type(self), (self.code, str(self))
