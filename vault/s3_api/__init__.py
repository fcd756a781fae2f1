"""The S3 door: what programs that speak S3 ask of an environment, with storage credentials (VLT-4).

A room's door like `api` is, in another language. It knows no rule of its own: who comes is found out from their
signature, the gate decides on every path, and what is done are the verbs of this room.
"""
