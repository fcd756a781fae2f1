"""Bodies of /v1 for agreements."""

from typing import Any

from rest_framework import serializers

from hq.web.api import Input
from signing.actions.tables import BYTES_MOST as TABLE_MOST
from signing.models import Agreement, Batch, Field, Signer
from signing.models.agreements import (
    BYTES_MOST,
    DAYS_DEFAULT,
    DAYS_MOST,
    FIELDS_MOST,
    MESSAGE_LENGTH,
    REASON_LENGTH,
    SIGNERS_MOST,
    TITLE_LENGTH,
)
from signing.models.signers import LABEL_LENGTH, NAME_LENGTH, ROLE_LENGTH
from signing.paper.text import CHARACTERS_MOST

BASE64_MOST = -(-BYTES_MOST // 3) * 4
_EMAIL = "Sealed. Found by a keyed digest only."
_PLACE = "Millionths of the page, from its top left as it is shown."


class Words(serializers.CharField):
    """Text, and nothing that could be taken for it."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Terms(Input):
    title = serializers.CharField(max_length=TITLE_LENGTH, help_text="One line. Sealed.")
    message = serializers.CharField(
        default="", allow_blank=True, max_length=MESSAGE_LENGTH, help_text="Stands in the mail to each signer. Sealed."
    )
    days = serializers.IntegerField(
        default=DAYS_DEFAULT,
        min_value=1,
        max_value=DAYS_MOST,
        help_text="It can be signed for so long once it is sent.",
    )
    remind_every = serializers.IntegerField(
        default=0, min_value=0, max_value=DAYS_MOST, help_text="Days between reminders; 0 for none."
    )
    may_delegate = serializers.BooleanField(default=False, help_text="Whether signers may name another in their place.")


class AgreementInput(Terms):
    text = serializers.CharField(
        required=False,
        max_length=CHARACTERS_MOST,
        trim_whitespace=False,
        help_text="The document in Markdown. Markers say where its fields are: `[[signature:1]]`, `[[date:2 From]]`,"
        " `[[text:1 Company?]]` (signature, initials, name, date, text, checkbox; the signer's position; `?`: may stay"
        " empty).",
    )
    pdf = serializers.CharField(
        required=False,
        max_length=BASE64_MOST,
        help_text=f"Or a PDF in base64, of at most {BYTES_MOST // 1_000_000} MB.",
    )


class TermsChange(Input):
    message = serializers.CharField(required=False, allow_blank=True, max_length=MESSAGE_LENGTH)
    days = serializers.IntegerField(required=False, min_value=1, max_value=DAYS_MOST)
    remind_every = serializers.IntegerField(required=False, min_value=0, max_value=DAYS_MOST)
    may_delegate = serializers.BooleanField(required=False)


class AgreementChange(TermsChange):
    title = serializers.CharField(required=False, max_length=TITLE_LENGTH)


class SignerInput(Input):
    name = serializers.CharField(max_length=NAME_LENGTH, help_text="Sealed.")
    email = serializers.CharField(max_length=320, help_text=_EMAIL)
    role = serializers.CharField(default="", allow_blank=True, max_length=ROLE_LENGTH)
    kind = serializers.ChoiceField(
        choices=Signer.Kind.values,
        default=Signer.Kind.SIGNER.value,
        help_text="An `approver` agrees without any field; a `viewer` only sees it.",
    )
    turn = serializers.IntegerField(
        default=1,
        min_value=1,
        max_value=SIGNERS_MOST,
        help_text="Those of one turn go side by side; the next begins when everybody of this one has acted.",
    )
    method = serializers.ChoiceField(
        choices=Signer.Method.values,
        default=Signer.Method.CODE.value,
        help_text="How they show who they are: by the `link` that is mailed, by a `code` that is mailed beside it, or"
        " by that and a `passkey` with which they sign.",
    )


class SignersInput(Input):
    signers = serializers.ListField(child=SignerInput(), min_length=1, max_length=SIGNERS_MOST)


class FieldInput(Input):
    signer = serializers.IntegerField(min_value=1, max_value=SIGNERS_MOST, help_text="Their position, from 1.")
    kind = serializers.ChoiceField(choices=Field.Kind.values)
    page = serializers.IntegerField(min_value=1)
    x = serializers.IntegerField(min_value=0, max_value=1_000_000, help_text=_PLACE)
    y = serializers.IntegerField(min_value=0, max_value=1_000_000)
    width = serializers.IntegerField(min_value=1, max_value=1_000_000)
    height = serializers.IntegerField(min_value=1, max_value=1_000_000)
    label = serializers.CharField(  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
        default="", allow_blank=True, max_length=LABEL_LENGTH
    )
    required = serializers.BooleanField(  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
        default=True
    )


class FieldsInput(Input):
    # DRF takes what is declared off the class, so its own `fields` is still there.
    fields = serializers.ListField(  # type: ignore[assignment]  # a declaration
        child=FieldInput(), max_length=FIELDS_MOST
    )


class ReasonInput(Input):
    reason = serializers.CharField(max_length=REASON_LENGTH, help_text="Whoever was asked is told. Sealed.")


class DaysInput(Input):
    days = serializers.IntegerField(min_value=1, max_value=DAYS_MOST, help_text="Counted from now.")


class CorrectionInput(Input):
    name = serializers.CharField(max_length=NAME_LENGTH)
    email = serializers.CharField(max_length=320, help_text=_EMAIL)


class AgreementBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    message = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=Agreement.State.values)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
        choices=Agreement.Source.values
    )
    document_sha256 = serializers.CharField(help_text="Of the document as it is sent, in hex.")
    pages = serializers.IntegerField()
    version = serializers.IntegerField(help_text="Of the document, which may be replaced in a draft.")
    days = serializers.IntegerField()
    remind_every = serializers.IntegerField()
    may_delegate = serializers.BooleanField()
    template_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    sent_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_null=True, help_text="Why it was voided or declined.")
    level = serializers.CharField(allow_blank=True, help_text="Of the seal: `B-B`, or `B-T` with a timestamp.")
    length = serializers.IntegerField(help_text="How many steps its chain has.")
    head = serializers.CharField(help_text="The hash of the last one, in hex.")


class AgreementList(serializers.Serializer[Any]):
    items = AgreementBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SignerBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    position = serializers.IntegerField()
    turn = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Signer.Kind.values)
    method = serializers.ChoiceField(choices=Signer.Method.values)
    role = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    email = serializers.CharField()
    state = serializers.ChoiceField(choices=Signer.State.values)
    delegated_to_id = serializers.UUIDField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    bounced_at = serializers.DateTimeField(allow_null=True, help_text="When a mail to them came back.")
    viewed_at = serializers.DateTimeField(allow_null=True)
    consented_at = serializers.DateTimeField(allow_null=True)
    signed_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_null=True, allow_blank=True)


class FieldBody(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="From 1, in reading order.")
    signer_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Field.Kind.values)
    page = serializers.IntegerField(help_text="0 in a text, where markers say where it is.")
    x = serializers.IntegerField()
    y = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    label = serializers.CharField(  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
        allow_blank=True
    )
    required = serializers.BooleanField()  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
    value = serializers.CharField(allow_null=True, help_text="Once its signer has signed.")


class StepBody(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    signer_id = serializers.UUIDField(allow_null=True)
    facts = serializers.DictField(help_text="What the hash covers beside; who it was stands in the bundle.")
    previous = serializers.CharField()
    hash = serializers.CharField()


class AgreementDetailBody(AgreementBody):
    signers = SignerBody(many=True)
    fields = FieldBody(many=True)  # type: ignore[assignment]  # a declaration, see FieldsInput
    steps = StepBody(many=True)


class RemindedBody(serializers.Serializer[Any]):
    mails = serializers.IntegerField()


class TemplateInput(Input):
    agreement_id = serializers.UUIDField(help_text="Its document, roles and fields are taken; nobody's name.")
    name = serializers.CharField(max_length=TITLE_LENGTH)


class TemplateChange(TermsChange):
    name = serializers.CharField(required=False, max_length=TITLE_LENGTH)
    roles = serializers.ListField(
        child=Words(max_length=ROLE_LENGTH),
        required=False,
        max_length=SIGNERS_MOST,
        help_text="What each of its roles is called, in their order.",
    )


class TemplateTextInput(Input):
    text = serializers.CharField(
        max_length=CHARACTERS_MOST, trim_whitespace=False, help_text="Markdown, as of an agreement."
    )


class TemplateTextBody(serializers.Serializer[Any]):
    text = serializers.CharField()


class VariableBody(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used


class RoleBody(serializers.Serializer[Any]):
    role = serializers.CharField()
    kind = serializers.ChoiceField(choices=Signer.Kind.values)
    turn = serializers.IntegerField()
    method = serializers.ChoiceField(choices=Signer.Method.values)


class TemplateBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    source = serializers.ChoiceField(  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
        choices=Agreement.Source.values
    )
    roles = RoleBody(many=True)
    variables = VariableBody(many=True, help_text="`{name}` in the text, filled in when it is used.")
    columns = serializers.ListField(child=serializers.CharField(), help_text="Of a table of people for it.")
    message = serializers.CharField(allow_blank=True)
    days = serializers.IntegerField()
    remind_every = serializers.IntegerField()
    may_delegate = serializers.BooleanField()
    keep_days = serializers.IntegerField(allow_null=True, help_text="After the end of what came of it; null: for good.")
    held = serializers.BooleanField(help_text="Whether a legal hold keeps what came of it.")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()


class TemplateList(serializers.Serializer[Any]):
    items = TemplateBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class PlayerInput(Input):
    name = serializers.CharField(max_length=NAME_LENGTH)
    email = serializers.CharField(max_length=320, help_text=_EMAIL)


class UseInput(Input):
    title = serializers.CharField(max_length=TITLE_LENGTH)
    people = serializers.ListField(
        child=PlayerInput(), max_length=SIGNERS_MOST, help_text="One for each role, in their order."
    )
    values = serializers.DictField(
        child=Words(allow_blank=True), required=False, help_text="What each variable stands for."
    )


class TableInput(Input):
    table = serializers.CharField(
        max_length=TABLE_MOST,
        trim_whitespace=False,
        help_text="CSV (RFC 4180): a line with the names of the columns, then one agreement a line, 500 at most.",
    )


class PersonBody(serializers.Serializer[Any]):
    name = serializers.CharField()
    email = serializers.CharField()


class AgreementRowBody(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="Of the table, from 1.")
    title = serializers.CharField(allow_blank=True)
    people = PersonBody(many=True, help_text="Empty once all is sent.")
    values = serializers.DictField(child=serializers.CharField(allow_blank=True))
    problem = serializers.CharField(allow_blank=True, help_text="Why it is not sent; empty if it is.")
    agreement_id = serializers.UUIDField(allow_null=True, help_text="What came of it.")


class AgreementBatchBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    template_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField(help_text="Of the template, as it was called then.")
    state = serializers.ChoiceField(choices=Batch.State.values)
    rows = AgreementRowBody(many=True)
    total = serializers.IntegerField(help_text="Rows that can be sent.")
    sent = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_null=True, help_text="Why it was stopped.")
