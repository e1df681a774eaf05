import yaml

from scripts.images import check
from scripts.images.targets import ROOT, named


def test_a_predictor_gets_its_version_folder_and_its_engine() -> None:
    (keras,) = named(["predictor-keras"])
    assert check.run_arguments(keras) == [
        f"--volume={ROOT}/models/tomato/v1:/mnt/models:ro",
        keras.image,
        "--model_name=tomato",
        "--model_dir=/mnt/models",
        "--engine=keras",
    ]


def test_a_gateway_gets_the_table_of_the_compose_file() -> None:
    (gateway,) = named(["gateway"])
    assert check.run_arguments(gateway) == [
        f"--volume={ROOT}/compose:/etc/trellis:ro",
        gateway.image,
        "--routing_table_file=/etc/trellis/routing-table.json",
    ]


def test_the_question_is_the_first_example_of_the_version() -> None:
    path = ROOT / "models/squares/v1/model.yaml"
    document = yaml.safe_load(path.read_text("utf-8"))
    assert check.first_example(path) == {"inputs": document["examples"][0]["inputs"]}


def test_what_promises_ask_and_what_asks_are_programs() -> None:
    for program in (check.PROMISES, check.ASK):
        compile(program, "inside the image", "exec")


def test_a_library_that_is_not_there_is_told_but_for_the_driver() -> None:
    log = (
        "Failed to load library a.so with error: libcublasLt.so.13: cannot open shared object file\n"
        "Failed to load library b.so with error: libcuda.so.1: cannot open shared object file\n"
    )
    assert check.lacking_libraries(log) == ["libcublasLt.so.13"]
    assert check.lacking_libraries("libcublas is there") == []
