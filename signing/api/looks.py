"""What an organization says of all its agreements, as far as a key may look: what signers see, and how long they stay.

People change it in the portal, and no key does: nobody lends a key what an owner or an admin alone decides.
"""

from datetime import timedelta
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.db import retention
from hq.web.api import Endpoint
from signing.actions import brand
from signing.actions.sending import KEPT


class ShadeBody(serializers.Serializer[Any]):
    colour = serializers.CharField()
    contrast = serializers.FloatField(help_text="How far it stands out from the page, of 21; 4.5 can be read.")


class AgreementBrandBody(serializers.Serializer[Any]):
    colour = serializers.CharField(help_text="As it was chosen, in six hexadecimal digits; HQ's own until then.")
    light = ShadeBody(help_text="On the light page.")
    dark = ShadeBody(help_text="On the dark page: of the same hue.")
    mark = serializers.CharField(allow_null=True, help_text="A PNG, in base64.")
    changed_at = serializers.DateTimeField(allow_null=True, help_text="Null: nothing was chosen yet.")


class AgreementRetentionBody(serializers.Serializer[Any]):
    keep_days = serializers.IntegerField(
        allow_null=True, help_text="After an agreement ended; null: for good. What came of a template goes by its own."
    )
    held = serializers.BooleanField(help_text="Whether a legal hold of the organization keeps all of them.")


class AgreementBrand(Endpoint):
    """What signers see."""

    @extend_schema(operation_id="get_agreement_brand", responses=AgreementBrandBody)
    def get(self, _request: Request, **_: Any) -> Response:
        """The colour and the mark of the pages that signers open, with how well the colour can be read on each."""
        gate.require(self.actor, Permission.SHARES_READ)
        row = brand.find_brand(self.actor)
        shades = brand.shades_of(row.colour if row else brand.COLOUR_DEFAULT)
        body = {
            "colour": row.colour if row else brand.COLOUR_DEFAULT,
            "light": {"colour": shades.light, "contrast": round(shades.on_light, 2)},
            "dark": {"colour": shades.dark, "contrast": round(shades.on_dark, 2)},
            "mark": row.mark if row else None,
            "changed_at": row.changed_at if row else None,
        }
        return Response(body)


class AgreementRetention(Endpoint):
    """How long they stay."""

    @extend_schema(operation_id="get_agreement_retention", responses=AgreementRetentionBody)
    def get(self, _request: Request, **_: Any) -> Response:
        """How long agreements stay that ended, and whether a hold keeps them. It takes `audit:read`, as its trail does.

        A template says of itself what it keeps: `keep_days` and `held` of `GET …/agreement-templates/{id}`.
        """
        gate.require(self.actor, Permission.AUDIT_READ)
        kept = retention.period(self.actor.organization_id, KEPT)
        held = retention.held(self.actor.organization_id, KEPT)
        return Response({"keep_days": kept // timedelta(days=1) if kept else None, "held": held != ()})


routes = [
    path("agreement-brand", AgreementBrand.as_view()),
    path("agreement-retention", AgreementRetention.as_view()),
]
