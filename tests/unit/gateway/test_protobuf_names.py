import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from trellis.gateway.protobuf_names import MOST_FIELDS, Malformed, read_names, renamed


def infer_request(
    model: str, version: str = "", raw: bytes = b"\x00" * 300
) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name=model, model_version=version, id="42")
    tensor = request.inputs.add(name="image", datatype="BYTES", shape=[1, 2**40])
    tensor.parameters["a"].int64_param = -5
    request.raw_input_contents.append(raw)
    return request


@given(st.text(max_size=300), st.text(max_size=40), st.binary(max_size=400))
def test_names_are_read_as_protobuf_reads_them(model: str, version: str, raw: bytes) -> None:
    names = read_names(infer_request(model, version, raw).SerializeToString())
    assert (names.model, names.version, names.fallback) == (model, version, False)


@given(st.text(max_size=300), st.text(max_size=300))
def test_renaming_changes_the_name_and_nothing_else(old: str, new: str) -> None:
    request = infer_request(old, "v1")
    message = request.SerializeToString()
    changed = pb.ModelInferRequest.FromString(renamed(message, read_names(message), new))
    request.model_name = new
    assert changed == request


@pytest.mark.parametrize("kind", [pb.ModelMetadataRequest, pb.ModelReadyRequest])
def test_metadata_and_ready_requests_have_the_same_fields(kind: type) -> None:
    names = read_names(kind(name="tomato", version="v2").SerializeToString())
    assert (names.model, names.version) == ("tomato", "v2")


@pytest.mark.parametrize("allowed", [True, False])
def test_the_fallback_parameter_is_read(*, allowed: bool) -> None:
    request = infer_request("tomato", "v9")
    request.parameters["other"].string_param = "fallback"
    request.parameters["fallback"].bool_param = allowed
    assert read_names(request.SerializeToString()).fallback is allowed


def test_of_a_repeated_name_the_last_counts_and_all_are_renamed() -> None:
    one = pb.ModelReadyRequest(name="a").SerializeToString()
    message = one + pb.ModelReadyRequest(name="b").SerializeToString()
    names = read_names(message)
    assert names.model == "b"
    assert renamed(message, names, "c") == pb.ModelReadyRequest(name="c").SerializeToString()


def test_an_empty_message_has_no_name() -> None:
    assert read_names(b"").model == ""


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b"\x0a", "a number does not end"),
        (b"\x0a\x05abc", "ends inside field 1"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", "ends inside field 1"),
        (b"\xff" * 11, "a number does not end"),
        (b"\x00\x01", "field number 0"),
        (b"\x08\x01", "field 1 of the request must be a string"),
        (b"\x0b\x0c", "must be a string"),
        (b"\x1b\x1c", "wire type 3"),
        (b"\x19\x00\x00", "ends inside field 3"),
        (b"\x1d\x00\x00", "ends inside field 3"),
        (b"\x0a\x02\xff\xfe", "model name is no UTF-8"),
        (b"\x12\x02\xff\xfe", "model version is no UTF-8"),
        (b"\x1a\x00" * (MOST_FIELDS + 1), f"more than {MOST_FIELDS} fields"),
    ],
)
def test_malformed_bytes_are_refused_in_words(message: bytes, sentence: str) -> None:
    with pytest.raises(Malformed, match=sentence):
        read_names(message)


@given(st.binary(max_size=200))
@example(b"\x0a\x80")
@example(b"\x0a\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    try:
        names = read_names(message)
    except Malformed:
        return
    assert read_names(renamed(message, names, "x")).model == "x"
