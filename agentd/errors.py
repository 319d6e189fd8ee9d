"""Every exception that agentd raises on purpose, in one tree.

An error says who broke it: the user's app (`AppError`), the user's settings
(`SettingsError`), the world outside (`LiveKitError`), or another of our own
processes (`ProtocolError`, `ChildError`). The docstring of a class is its default
message; a message names what is wrong and, where there is one, the remedy.
"""

from __future__ import annotations

from http import HTTPStatus


class AgentdError(Exception):
    """agentd failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


# -- the user's side -------------------------------------------------------------


class SettingsError(AgentdError):
    """A setting has a value that can't be used."""


class AppError(AgentdError):
    """The app could not be loaded."""


class AppNotFound(AppError, ImportError):
    """The app's file or module does not exist."""


class AppImportFailed(AppError, ImportError):
    """The app's own code raised while it was imported."""

    def __init__(self, message: str, *, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback
        """The user's frames only, formatted; ours are left out."""


class NoEntrypoint(AppError):
    """The app has no entrypoint: decorate a coroutine function with @server.rtc_session."""


class AudioError(AgentdError):
    """Audio could not be read or written."""


class SoundUnavailable(AudioError):
    """This machine's sound can't be used."""


class VideoError(AgentdError):
    """A picture, or where it is to be shown, can't be used."""


class PluginNotFound(AgentdError, ImportError):
    """A plugin is not installed."""


class JobError(AgentdError):
    """A job could not go on."""


class NotInJob(JobError, RuntimeError):
    """There is no job here: this only works inside an entrypoint."""


class StateError(JobError, ValueError):
    """A value that a job has kept can't be used."""


class ParticipantTimeout(JobError, TimeoutError):
    """The participant who was waited for has not come in time."""


class AssignmentTimeout(JobError, TimeoutError):
    """LiveKit accepted our answer but assigned no job in time."""


# -- our own processes -----------------------------------------------------------


class ChannelError(AgentdError):
    """A channel can't be used."""


class ChannelClosed(ChannelError):
    """This side closed the channel."""


class ChannelBroken(ChannelError):
    """The other side closed the channel, or died."""


class WouldBlock(ChannelError):
    """The channel is full, or empty, and nobody was to wait."""


class ProtocolError(AgentdError):
    """The other side sent something that the protocol does not allow."""


class FrameTooLarge(ProtocolError):
    """A frame is larger than the limit."""


class FrameMalformed(ProtocolError):
    """A frame could not be decoded."""


class VersionMismatch(ProtocolError):
    """The two sides speak different versions of the frame protocol."""


class ChildError(AgentdError):
    """A child process failed."""


class TemplateError(ChildError):
    """The template process failed."""


class ModelHostError(ChildError):
    """The model host failed."""


class SupervisionError(AgentdError):
    """A supervisor was asked for something that it can't do."""


class NotStarted(SupervisionError):
    """A child could not be started."""


class Escalated(SupervisionError):
    """A supervisor gave up on a child that kept failing."""

    def __init__(
        self,
        message: str | None = None,
        *,
        child: str = "",
        last_error: str = "",
        history: tuple[float, ...] = (),
    ) -> None:
        super().__init__(message)
        self.child = child
        """The id of the child that failed once too often."""
        self.last_error = last_error
        """What that child died of at last."""
        self.history = history
        """Instants of the restarts that were too many, on the loop's clock."""


# -- the world outside -----------------------------------------------------------


class LiveKitError(AgentdError):
    """The LiveKit server could not be used."""


class RoomApiError(LiveKitError):
    """A call to LiveKit's server API failed; it may or may not have had its effect."""


class RoomGone(RoomApiError):
    """The room does not exist (any more), or what was asked for is not in it."""


class RoomRefused(RoomApiError):
    """The server does not take what was asked for, such as a name that is too long."""


class LiveKitRefused(LiveKitError):
    """The LiveKit server refused this worker for good."""


class LiveKitUnreachable(LiveKitError):
    """The LiveKit server can't be reached."""


class CallFailed(AgentdError):
    """A scripted call could not be carried through."""

    def __init__(self, message: str, *, step: str = "") -> None:
        super().__init__(message)
        self.step = step
        """What the caller was about to do, such as `join` or `answer`."""


class DirectoryUnusable(AgentdError):
    """A directory that the daemon needs can't be used."""


class JournalError(AgentdError):
    """The journal can't be used."""


class JournalCorrupt(JournalError):
    """The journal's file is damaged."""


class JournalTooNew(JournalError):
    """The journal was written by a newer agentd."""


class AlreadyRunning(AgentdError):
    """Another daemon already uses this runtime directory."""


class PortBusy(AgentdError):
    """The HTTP port is taken."""


# -- asking a running daemon -------------------------------------------------------


class ControlError(AgentdError):
    """The running daemon could not be asked."""


class NoDaemon(ControlError):
    """No daemon runs here."""


class ControlRefused(ControlError):
    """The daemon did not do what it was asked."""

    def __init__(
        self, message: str | None = None, *, code: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        """A stable word for what is wrong, such as `not_found`."""
        self.retry_after = retry_after
        """Seconds after which it may be asked again; None where that is not known."""


# -- models and the services they are behind -----------------------------------------


class ModelError(AgentdError):
    """A model could not do what it was asked."""

    code = "model_error"
    """A stable word for what is wrong."""

    def __init__(self, message: str | None = None, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable
        """Whether the same call may go well a moment later."""


class MissingCredential(ModelError, ValueError):
    """There is no key for the service."""

    code = "missing_credential"


class ModelFileMissing(ModelError):
    """A local model's file is not on this machine."""

    code = "model_file_missing"


class ModelNotHosted(ModelError):
    """The model host does not have this model."""

    code = "model_not_hosted"


class ModelBusy(ModelError):
    """A model has more calls waiting than it could answer in time."""

    code = "model_busy"


class APIError(ModelError):
    """The service failed."""

    code = "api_error"

    def __init__(
        self, message: str | None = None, *, body: object = None, retryable: bool = True
    ) -> None:
        super().__init__(message, retryable=retryable)
        self.message = str(self)
        self.body = body
        """What the service answered, if it did."""
        self.circuit = ""
        """Key of the circuit of the service that failed; set where the attempt was made."""


class APIStatusError(APIError):
    """The service answered with a status that means failure."""

    code = "api_status"

    def __init__(
        self,
        message: str | None = None,
        *,
        status_code: int,
        request_id: str | None = None,
        body: object = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        if retryable is None:
            retryable = not 400 <= status_code < 500 or status_code in RETRYABLE_STATUS
        super().__init__(message, body=body, retryable=retryable)
        self.status_code = status_code
        self.request_id = request_id
        self.retry_after = retry_after
        """Seconds that the service asks to be left alone for (Retry-After); None if it does not."""


def create_api_error_from_http(
    message: str = "",
    *,
    status: int,
    request_id: str | None = None,
    body: object = None,
    retry_after: float | None = None,
) -> APIStatusError:
    """The error of an HTTP status, with the status' own name beside what the service said."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:  # there are more in use than in the standard
        phrase = "HTTP"
    text = f"{message} ({status} {phrase})" if message else f"{status} {phrase}"
    return APIStatusError(
        text, status_code=status, request_id=request_id, body=body, retry_after=retry_after
    )


class ReplyTooLong(APIError):
    """The model's reply does not end."""

    code = "reply_too_long"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, retryable=False)


RETRYABLE_STATUS = frozenset({408, 429, 499})
"""Of the 4xx those that speak of the moment, not of the request."""


class APIConnectionError(APIError):
    """The service can't be reached."""

    code = "api_connection"


class APITimeoutError(APIConnectionError, TimeoutError):
    """The service did not answer in time."""

    code = "api_timeout"


class CircuitOpen(APIConnectionError):
    """The service has failed a moment ago and is not asked again yet."""

    code = "circuit_open"

    def __init__(
        self, message: str | None = None, *, circuit: str = "", retry_at: float = 0.0
    ) -> None:
        super().__init__(message, retryable=False)
        self.circuit = circuit
        self.retry_at = retry_at
        """When it may be asked again, on the loop's clock."""


class ToolError(AgentdError):
    """The tool could not do it."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message)
        self.message = str(self)
        """What the model is told; it may try again by it."""


class MCPServerLost(AgentdError):
    """An MCP server could not be reached, or is gone."""


class StopResponse(AgentdError):
    """The agent is to say nothing: raised by a tool, or in `on_user_turn_completed`."""


class ModelFetchError(ModelError):
    """A model file could not be fetched."""

    code = "model_fetch"


class ToolSchemaError(AgentdError, TypeError):
    """A function can't be offered to a model as a tool."""


class SessionError(AgentdError, RuntimeError):
    """A session can't do that now."""


class UnexpectedModelBehavior(ModelError):
    """A model did not answer as it was asked to, however often."""

    code = "unexpected_behavior"
