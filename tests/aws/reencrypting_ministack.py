"""ministack, with what it lacks and HQ cannot do without. Run by the Python it is installed in.

One operation of KMS, and two headers of S3's that policies may ask about. It listens twice: with TLS, and without on
PLAIN_PORT, so that a policy that demands TLS has something to refuse.

AWS defines ReEncrypt as a Decrypt under the source key and an Encrypt under the destination key inside KMS. Here it is
made of ministack's own two, with their states, contexts and errors. IAM judges it before, as `kms:ReEncrypt`.
"""

import json
import os

from ministack import app
from ministack.app import _HypercornConfig as Config
from ministack.app import main
from ministack.core import iam_actions
from ministack.services import kms

theirs = kms.handle_request


def _answer(response):
    status, _, body = response
    return status, json.loads(body)


def re_encrypt(data):
    source = {
        "KeyId": data.get("SourceKeyId", ""),
        "CiphertextBlob": data["CiphertextBlob"],
        "EncryptionContext": data.get("SourceEncryptionContext", {}),
    }
    opened = kms._decrypt(source)
    status, plain = _answer(opened)
    if status != 200:
        return opened
    destination = {
        "KeyId": data["DestinationKeyId"],
        "Plaintext": plain["Plaintext"],
        "EncryptionContext": data.get("DestinationEncryptionContext", {}),
    }
    sealed = kms._encrypt(destination)
    status, wrapped = _answer(sealed)
    if status != 200:
        return sealed
    return kms.json_response(
        {"CiphertextBlob": wrapped["CiphertextBlob"], "KeyId": wrapped["KeyId"], "SourceKeyId": plain["KeyId"]}
    )


async def handle_request(method, path, headers, body, query_params):
    if headers.get("x-amz-target", "").endswith(".ReEncrypt"):
        return re_encrypt(json.loads(body))
    return await theirs(method, path, headers, body, query_params)


def s3_object_context(iam_action, query_params, path, headers):
    context = their_context(iam_action, query_params, path, headers)
    if iam_action == "s3:PutObject" and "uploadId" not in query_params:
        context |= {f"s3:{name}": headers[name] for name in HEADERS if headers.get(name)}
    return context


HEADERS = ("x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm")
their_context = iam_actions._s3_object_context
iam_actions._s3_object_context = s3_object_context
kms.handle_request = handle_request

app._port_is_bindable = lambda *_: False  # or it would listen at 443 too, and a second one could not
Config._insecure_bind = [f"127.0.0.1:{os.environ['PLAIN_PORT']}"]

if __name__ == "__main__":
    main()
