"""Signatures by the xmlsec wheel: pysaml2 itself would call a program that a fresh machine does not have."""

from importlib.metadata import version

import xmlsec
from lxml import etree
from saml2 import samlp
from saml2.sigver import CryptoBackend, SecurityContext, pre_signature_part
from saml2.xmldsig import DIGEST_SHA1, DIGEST_SHA256, SIG_RSA_SHA1, SIG_RSA_SHA256

from tests.idp.saml_keys import SigningKey

ALGORITHMS = {
    "sha256": (SIG_RSA_SHA256, DIGEST_SHA256),
    "sha1": (SIG_RSA_SHA1, DIGEST_SHA1),
    "sha1_digest": (SIG_RSA_SHA256, DIGEST_SHA1),
}


class WheelBackend(CryptoBackend):  # type: ignore[misc]  # pysaml2 has no types
    """Signs and checks. Where pysaml2 hands the name of a file it is the PEM text itself: no key touches the disk."""

    @property
    def version(self) -> str:
        return version("xmlsec")

    def sign_statement(self, statement: str, node_name: str, key_file: str, node_id: str) -> str:
        root, context = self._prepared(statement, key_file, xmlsec.constants.KeyDataFormatPem)
        context.sign(self._signature(root, node_id))
        return str(etree.tostring(root, encoding="unicode"))

    def validate_signature(self, signedtext: str, cert_file: str, cert_type: str, node_name: str, node_id: str) -> bool:
        root, context = self._prepared(signedtext, cert_file, xmlsec.constants.KeyDataFormatCertPem)
        try:
            context.verify(self._signature(root, node_id))
        except xmlsec.Error:
            return False
        return True

    @staticmethod
    def _prepared(text: str, pem: str, form: int) -> tuple[etree._Element, xmlsec.SignatureContext]:
        root = etree.fromstring(text, etree.XMLParser(huge_tree=True))
        xmlsec.tree.add_ids(root, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(pem, form, None)
        return root, context

    @staticmethod
    def _signature(root: etree._Element, node_id: str) -> etree._Element:
        (signature,) = root.xpath("//*[@ID=$node]/*[local-name()='Signature']", node=node_id)
        return signature


def sign(response: samlp.Response, key: SigningKey, *, parts: str, algorithm: str) -> str:
    """The response as text, with its assertions, itself, both or nothing signed."""
    chosen = {
        "assertion": response.assertion,
        "response": [response],
        "both": [*response.assertion, response],  # from the inside out: the outer signature covers the inner one
        "nothing": [],
    }[parts]
    method, digest = ALGORITHMS[algorithm]
    for part in chosen:
        part.signature = pre_signature_part(part.id, key.certificate_body, digest_alg=digest, sign_alg=method)
    context = SecurityContext(WheelBackend(), key_file=key.private_pem)
    text: str = response.to_string().decode()
    for part in chosen:
        text = context.sign_statement(text, part.c_tag, node_id=part.id)
    return text
