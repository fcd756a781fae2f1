"""The trail's proofs over /v1."""

from evidence.api import checkpoints, exports

routes = [*checkpoints.routes, *exports.routes]
