"""Addresses of agreements in the portal, below an environment."""

from django.urls import path

from signing.views import brand, bulk, placing, portal, portal_acts, portal_draft, templates

app_name = "signing"
urlpatterns = [
    path("", portal.agreement_list, name="list"),
    path("new", portal_draft.new, name="new"),
    path("preview", portal_draft.preview, name="preview"),
    path("brand", brand.brand, name="brand"),
    path("brand/mark.png", brand.mark, name="mark"),
    path("templates/", templates.template_list, name="templates"),
    path("templates/<uuid:id>", templates.template, name="template"),
    path("templates/<uuid:id>/text", templates.text, name="template_text"),
    path("templates/<uuid:id>/fields", placing.template_fields, name="template_fields"),
    path("templates/<uuid:id>/original", placing.template_original, name="template_original"),
    path("templates/<uuid:id>/use", templates.use, name="use"),
    path("templates/<uuid:id>/keep", templates.keep_days, name="keep_days"),
    path("templates/<uuid:id>/hold", templates.hold, name="hold_template"),
    path("templates/<uuid:id>/remove", templates.remove, name="remove_template"),
    path("templates/<uuid:id>/many", bulk.new, name="bulk"),
    path("templates/<uuid:id>/people.csv", bulk.sample, name="bulk_sample"),
    path("batches/", bulk.batches, name="batches"),
    path("batches/<uuid:id>", bulk.batch, name="batch"),
    path("batches/<uuid:id>/send", bulk.send, name="send_batch"),
    path("batches/<uuid:id>/stop", bulk.stop, name="stop_batch"),
    path("<uuid:id>", portal.agreement, name="agreement"),
    path("<uuid:id>/progress", portal.progress, name="progress"),
    path("<uuid:id>/original", portal.original, name="original"),
    path("<uuid:id>/sealed.pdf", portal.sealed, name="sealed"),
    path("<uuid:id>/certificate.json", portal.certificate, name="certificate"),
    path("<uuid:id>/bundle.zip", portal.proof_bundle, name="bundle"),
    path("<uuid:id>/document", portal_draft.document, name="document"),
    path("<uuid:id>/people", portal_draft.people, name="people"),
    path("<uuid:id>/fields", portal_draft.fields, name="fields"),
    path("<uuid:id>/terms", portal_draft.terms, name="terms"),
    path("<uuid:id>/review", portal_draft.review, name="review"),
    path("<uuid:id>/keep-as-template", templates.keep, name="keep_as_template"),
    path("<uuid:id>/remind", portal_acts.remind, name="remind"),
    path("<uuid:id>/extend", portal_acts.extend, name="extend"),
    path("<uuid:id>/void", portal_acts.void, name="void"),
    path("<uuid:id>/signers/<uuid:signer_id>/correct", portal_acts.correct, name="correct"),
    path("<uuid:id>/remove", portal_acts.remove, name="remove"),
]
