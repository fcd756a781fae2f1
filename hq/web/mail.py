"""Mail while developing: a file each in the data directory, and the text in the terminal."""

import sys
from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.filebased import EmailBackend


class DevelopmentBackend(EmailBackend):
    """Never used in production: settings refuse a missing HQ_MAIL_URL there."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            sys.stdout.write(f"\nMail to {', '.join(message.to)}: {message.subject}\n{message.body}\n")
        sys.stdout.flush()
        sent: Any = super().send_messages(email_messages)
        return int(sent or 0)
