"""Answers KServe's own server, so that a predictor class also runs without ours in front."""

from typing import Any

from kserve import InferOutput, InferRequest, InferResponse
from kserve.errors import InvalidInput
from kserve.model import InferenceVerb

from trellis.serving import signature
from trellis.serving.codecs import v1
from trellis.serving.errors import ServingError
from trellis.serving.predictor import Predictor
from trellis.serving.types import Tensors
from trellis.telemetry.request_ids import take_or_make_request_id

_MAX_ROWS = 1024


def answer_stock(predictor: Predictor, body: Any, verb: Any) -> tuple[Any, dict[str, str]]:
    """(answer, response headers) for V1's dictionary or a V2 ``InferRequest``.

    Raises ``InvalidInput`` for a bad request, ``NotImplementedError`` for explanations.
    """
    if verb is not InferenceVerb.PREDICT:
        raise NotImplementedError("this model has no explainer")
    specs = {spec.name: spec for spec in predictor.folder.yaml.inputs}
    try:
        tensors = (
            _v2(body, specs)
            if isinstance(body, InferRequest)
            else v1.tensors(body, specs, _MAX_ROWS)
        )
        outputs = predictor.encode(predictor.predict(predictor.decode(tensors)))
    except ServingError as error:
        raise InvalidInput(str(error)) from error
    if not isinstance(body, InferRequest):
        return {"predictions": _plain(predictor.v1_predictions(outputs))}, {}
    found = []
    for spec in predictor.folder.yaml.outputs:
        array = outputs[spec.name]
        output = InferOutput(name=spec.name, shape=list(array.shape), datatype=spec.datatype)
        output.set_data_from_numpy(array, binary_data=False)
        found.append(output)
    answer = InferResponse(
        # KServe fails an answer without an id, which the protocol lets a request leave out.
        response_id=body.id or take_or_make_request_id(None),
        model_name=predictor.name,
        model_version=predictor.folder.yaml.version,
        infer_outputs=found,
    )
    return answer, {}


def _v2(request: InferRequest, specs: dict[str, Any]) -> Tensors:
    signature.check_names((item.name for item in request.inputs), specs)
    tensors: Tensors = {}
    for item in request.inputs:
        spec = specs[item.name]
        signature.check_datatype(spec, item.datatype)
        shape = signature.check_shape(spec, list(item.shape), _MAX_ROWS)
        values = item.as_numpy().ravel().tolist()
        if values and isinstance(values[0], bytes):
            tensors[spec.name] = signature.from_values(spec, shape, values)
        else:
            tensors[spec.name] = signature.from_json(spec, shape, values)
    signature.check_rows(tensors)
    return tensors


def _plain(value: Any) -> Any:
    """Numpy's scalars and arrays as Python's, which KServe's JSON wants."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.tolist() if hasattr(value, "tolist") else value
