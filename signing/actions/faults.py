"""Why something cannot be done to an agreement. Each is a sentence that its reader can act on."""

from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod
from hq.lib.errors import Denied, Invalid, NotFound, Refused, TooMany


class CannotBeSigned(Invalid):
    """Something about this agreement cannot be like this; each fault says where it is."""


class AlreadyMade(Refused):
    """This form was sent before, and its agreement is in the list."""


class NotADraft(Refused):
    """This agreement was sent. Void it and send another one, if something must change."""


class InAnothersName(Refused):
    """An agreement goes out in the name of whoever prepared it. Make a template of it, and send what comes of that."""


class NotForSupport(Denied):
    """Who is let in to help looks at agreements, and ends or removes nothing that binds others."""


class RemindedAlready(TooMany):
    """Everybody was reminded a moment ago. Another mail so soon would only be in their way."""


class NotSent(Refused):
    """This can be done only while the agreement is out to be signed."""


class NotOver(Refused):
    """This agreement is out to be signed, or being sealed. Void it first."""


class StillKept(Refused):
    """A legal hold keeps this agreement. Somebody who may lift holds can."""


class TemplateChanged(Refused):
    """The template was given another text meanwhile. Look at it again, then use it."""


class NotSealed(Refused):
    """The sealed document is not there yet. It is made as soon as everybody has signed."""


class LinkCannotBeOpened(NotFound):
    """This link cannot be opened. It may have ended, been replaced by a newer one, or never been there."""


class NotYourTurn(Refused):
    """It is not your turn any more, or not yet. Nothing was changed."""


class NoConsent(Refused):
    """Read the document and agree to sign it electronically first."""


class AnotherConsent(Refused):
    """The words that you agree to were replaced while you read them. Read them again."""


class NotAllFilled(Invalid):
    """Some fields still have to be filled in; each is named."""


class CannotBeDelegated(Refused):
    """The sender wants you to sign this yourself, or decline."""


class WrongCode(Denied):
    """This is not the code, or it is too old. Ask for a new one."""


class TooManyCodes(TooMany):
    """Too many codes were asked for or tried. Wait a little."""


class PasskeyNeeded(Refused):
    """The sender asks you to sign with a passkey."""


def refuse_support(actor: Actor) -> None:
    """Raises NotForSupport."""
    if actor.method is AuthMethod.SUPPORT:
        raise NotForSupport


def fault(pointer: str, detail: str) -> CannotBeSigned:
    """One fault in what was sent, at its place."""
    return CannotBeSigned(detail, errors=[{"pointer": pointer, "detail": detail}])
