import re

from trellis.gateway.api import openapi_document


def test_every_described_route_names_its_statuses_with_the_error_schema() -> None:
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert {"200", "202"} & operation["responses"].keys(), (method, path)


def test_path_parameters_are_declared() -> None:
    for path, methods in openapi_document()["paths"].items():
        for operation in methods.values():
            declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
