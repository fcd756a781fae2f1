"""Addresses for signers: the link, what it leads to, and all documents of an address. None needs an account."""

from django.urls import path

from signing.views import documents, leaving, signer, signer_brand, signer_files, signer_read

urlpatterns = [
    path("sign/documents/<uuid:organization_id>/", documents.documents, name="signer_documents"),
    path("sign/documents/<uuid:organization_id>/<uuid:signer_id>/", documents.open_document, name="signer_open"),
    path("sign/brand/<uuid:organization_id>/colours.css", signer_brand.colours, name="sign_colours"),
    path("sign/brand/<uuid:organization_id>/mark.png", signer_brand.mark, name="sign_mark"),
    path("sign/<uuid:signer_id>/", signer_read.read, name="sign"),
    path("sign/<uuid:signer_id>/consent", signer_read.consent, name="sign_consent"),
    path("sign/<uuid:signer_id>/keep", signer_read.keep, name="sign_keep"),
    path("sign/<uuid:signer_id>/sign", signer_read.sign, name="sign_act"),
    path("sign/<uuid:signer_id>/passkey", signer_read.passkey, name="sign_passkey"),
    path("sign/<uuid:signer_id>/decline", signer_read.decline, name="sign_decline"),
    path("sign/<uuid:signer_id>/delegate", signer_read.delegate, name="sign_delegate"),
    path("sign/<uuid:signer_id>/document.pdf", signer_files.document, name="sign_document"),
    path("sign/<uuid:signer_id>/bundle.zip", signer_files.bundle_file, name="sign_bundle"),
    path("sign/<uuid:signer_id>/certificate", signer_files.certificate_page, name="sign_certificate"),
    path("sign/<uuid:signer_id>/certificate.json", signer_files.certificate_file, name="sign_certificate_json"),
    path("sign/leave", leaving.leave, name="sign_leave"),
    path("sign/<str:token>", signer.link, name="sign_link"),
]
