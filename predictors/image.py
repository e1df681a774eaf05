"""Classify pictures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trellis.serving.classifier import Classifier
from trellis.serving.codecs.image import decode_image
from trellis.serving.errors import BadRequest, TooLarge
from trellis.serving.types import Tensors
from trellis.serving.version_folder import VersionFolderError


class ImagePreprocessing(BaseModel):
    """``preprocessing`` in ``model.yaml``: what lies between a picture and the model's input.

    Pixels 0 to 255 become ``pixel * scale + offset``; the shape is [height, width, 3], RGB.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(ge=1, le=4096)
    height: int = Field(ge=1, le=4096)
    scale: float = 1.0
    offset: float = 0.0

    def pixels(self, picture: bytes) -> NDArray[np.uint8]:
        """One file to uint8 [height, width, 3]; raises as ``decode_image`` does."""
        return decode_image(picture, width=self.width, height=self.height)

    def scaled(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 [n, height, width, 3] to the float32 of the same shape that the model takes."""
        floats = pixels.astype(np.float32)
        if self.scale != 1.0:
            floats *= np.float32(self.scale)
        if self.offset != 0.0:
            floats += np.float32(self.offset)
        return floats


class ImageClassifier(Classifier):
    """One input BYTES [n], content image, to probabilities."""

    decode_off_loop = True

    def load(self) -> bool:
        """Open the engine and read ``preprocessing``; raises ``VersionFolderError``."""
        try:
            self.preprocessing = ImagePreprocessing.model_validate(self.folder.yaml.preprocessing)
        except ValidationError as error:
            first: Any = error.errors()[0]
            field = ".".join(("preprocessing", *map(str, first["loc"])))
            raise VersionFolderError(f"{self.folder.title}: {field}: {first['msg']}") from error
        return super().load()

    def decode(self, inputs: Tensors) -> Tensors:
        """Files to uint8 [n, height, width, 3]: a batch stays small until it is computed."""
        ((name, files),) = inputs.items()
        return {name: np.stack([self._pixels(name, row, file) for row, file in enumerate(files)])}

    def _pixels(self, name: str, row: int, file: bytes) -> NDArray[np.uint8]:
        try:
            return self.preprocessing.pixels(file)
        except (BadRequest, TooLarge) as error:
            raise type(error)(f"input {name!r}: value {row}: {error}") from error

    def predict(self, inputs: Tensors) -> Tensors:
        """Scale the whole batch at once and run the engine."""
        ((name, pixels),) = inputs.items()
        return super().predict({name: self.preprocessing.scaled(pixels)})
