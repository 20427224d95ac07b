"""Every exception of the library, in one tree.

Three branches, because a caller does three different things: what is *theirs* (``ProtocolError``: answer a status and go
on), what is *ours* (``DialogError``: fix the dialog), what is *the world's* (``StoreError``: try again). Each error carries
its evidence. ``Cancelled`` and ``Reroute`` stand beside the tree and below ``BaseException``, so that a dialog's
``except Exception`` cannot eat them.
"""

from __future__ import annotations


class WeChatError(Exception):
    """The root of everything this library raises."""


class ConfigurationError(WeChatError):
    """A setting or a registration that cannot work. The message names the argument, the variable, and what would be right."""


# ---- theirs ---------------------------------------------------------------------------------------------------------


class ProtocolError(WeChatError):
    """What came in over HTTP is not what WeChat sends. Nothing of it reaches a conversation."""

    #: the HTTP status that says so to whoever sent it
    status = 400

    def __init__(self, message: str, evidence: bytes | str = b"") -> None:
        super().__init__(message)
        #: what was found, as it came (never logged whole: it may hold what people wrote)
        self.evidence = evidence


class BadSignature(ProtocolError):
    """The signature is missing, or not made with this account's token."""

    status = 403


class BadEnvelope(ProtocolError):
    """The encrypted envelope cannot be opened: wrong key, wrong padding, wrong app id, or not encrypted at all."""

    status = 403


class BadMessage(ProtocolError):
    """The body is not a message: not XML, a DOCTYPE or an entity in it, or a field missing without which it has no sender."""


class BadMethod(ProtocolError):
    """Neither GET nor POST."""

    status = 405


class TooLarge(ProtocolError):
    """The body is larger than any push of WeChat."""

    status = 413


# ---- the world's ----------------------------------------------------------------------------------------------------


class StoreError(WeChatError):
    """The store cannot be used now, or not by this version."""


class StoreUnreachable(StoreError):
    """The store does not answer, or refuses to write."""


class UnknownFormat(StoreError):
    """A record was written in a format that this version does not know: a newer worker must take it."""

    def __init__(self, message: str, *, found: int, known: int) -> None:
        super().__init__(message)
        #: the format on record, and the newest one that this version reads
        self.found, self.known = found, known


# ---- ours -----------------------------------------------------------------------------------------------------------


class DialogError(WeChatError):
    """A dialog does what a dialog cannot do, or meets something that it may catch."""


class ForgottenYield(DialogError):
    """A command was used as a value: it says nothing and does nothing until it is yielded or awaited."""


class NotACommand(DialogError):
    """A dialog yielded, awaited or returned something that is neither a command nor something to say."""


class Diverged(DialogError):
    """The dialog's code no longer asks what its journal answers."""

    def __init__(self, expected: str, found: str, where: str) -> None:
        super().__init__(f"the journal has {expected}, the code has {found} ({where})")
        #: the journal's side
        self.expected = expected
        #: the code's side
        self.found = found
        #: file and line of the dialog, as "file:line"
        self.where = where


class TimedOut(DialogError):
    """Raised at an ask: the answer came later than the ask waits."""


class GaveUp(DialogError):
    """Raised at an ask: not understood as often as its ``tries`` say."""


class WentBack(DialogError):
    """Raised at an ask with ``back=True``: the user wants the question before."""


class StepFailed(DialogError):
    """Raised where a step failed, live and replayed alike."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(f"{type}: {message}" if message else type)
        #: the name of the exception's class
        self.type = type
        #: its text
        self.message = message


class StepInterrupted(StepFailed):
    """A ``once=True`` step was cut off, and nobody knows how far it came."""


# ---- beside the tree ------------------------------------------------------------------------------------------------


class Cancelled(BaseException):  # so that `except Exception` cannot eat it
    """Raised at an ask: the user said a cancel word."""


class Reroute(BaseException):  # so that `except Exception` cannot eat it
    """Raise it in a dialog: this message is not for me; route it as if no dialog were waiting."""

    #: whether the dialog is over then; else it waits on, unless the one that takes the message asks something itself
    over = False
