"""The trail's proofs over /v1."""

from evidence.api import checkpoints

routes = [*checkpoints.routes]
