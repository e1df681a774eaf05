"""From a trained artefact to a version folder: export, parity, reference, examples, hashes.

Everything that ``model.yaml`` says of a version is measured here, on held-out rows, through the
very predictor that will serve it.
"""

from trellis.serving.publish.command import main
from trellis.serving.publish.description import Description
from trellis.serving.publish.held_out import HeldOut
from trellis.serving.publish.version import PublishError, publish

__all__ = ["Description", "HeldOut", "PublishError", "main", "publish"]
