"""A small real predictor process for the gateway's tests: says what reached it, and misbehaves on demand.

``x-do`` of a request chooses: ``echo`` (the body back), ``slow:SECONDS``, ``status:CODE``,
``break`` (closes before an answer), ``break-mid`` (closes within one), ``stream:PIECES`` (each of
64 KiB), ``think:SECONDS`` (a late answer over gRPC). Without it the answer tells name, method,
path, headers and the body's size.

The model ``asleep`` answers nothing until its caller has gone; ``endless`` answers without end.

Over gRPC, ``ModelInfer`` answers with the request's own bytes and the metadata that came.
"""

import argparse
import asyncio
import signal
from typing import Any

import grpc
import grpc.aio
import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

PIECE = b"0123456789abcdef" * 4096
#: More than anybody reads.
ENDLESS = "stream:1000000"

_TEXT = {"datatype": "BYTES", "shape": [-1], "content": "text"}
METADATA: dict[str, Any] = {
    "sentiment": {
        "name": "sentiment",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1], "content": "text"}],
        "labels": ["negative", "positive"],
        "data": {"note": "knows <b>little</b>"},
        "description": "Tells glad from sad.",
    },
    "squares": {
        "name": "squares",
        "inputs": [{"name": "numbers", "datatype": "FP32", "shape": [-1]}],
        "labels": [],
        "data": None,
        "description": "",
    },
    "endless": {
        "name": "endless",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1], "content": "text"}],
        "labels": [],
        "data": None,
        "description": "",
    },
    "leaf": {
        "name": "leaf",
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1], "content": "image"}],
        "labels": ["green", "brown"],
        "data": None,
        "description": "",
    },
    "rows": {
        "name": "rows",
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 3]}],
        "labels": ["low", "high"],
        "features": ["age", "height", "weight"],
        "data": None,
        "description": "",
    },
}
#: Models whose input is called as something that a form of a page has itself; and one that takes its
#: input and never answers.
METADATA |= {
    name: {**METADATA["sentiment"], "name": name, "inputs": [_TEXT | {"name": name}]}
    for name in ("action", "dataset", "addEventListener", "drowsy")
}


class Upstream:
    """The ASGI application; ``name`` and its fingerprint are told in every answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fingerprint = f"sha256:{name}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        wanted = ENDLESS if scope["path"] == "/v2/models/endless/infer" else headers.get("x-do", "")
        do, _, argument = wanted.partition(":")
        if do == "break":
            await self._close(scope)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope["path"].startswith(("/v2/models/asleep", "/v2/models/drowsy/infer")):
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if do == "slow":
            await asyncio.sleep(float(argument))
        status = int(argument) if do == "status" else 200
        answer_headers = [
            (b"x-model-version", self.name.encode()),
            (b"x-model-revision", f"{self.name}-1".encode()),
            (b"x-model-fingerprint", self.fingerprint.encode()),
            (b"server-timing", b"total;dur=1"),
            (b"connection", b"keep-alive"),
        ]
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": answer_headers + self._type(do),
            }
        )
        if do == "stream":
            await self._stream(int(argument), scope, send)
        elif do == "break-mid":
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            await asyncio.sleep(0.05)
            await self._close(scope)
        elif do == "echo":
            await send({"type": "http.response.body", "body": body})
        else:
            document = self._document(scope, headers, body, status)
            await send({"type": "http.response.body", "body": orjson.dumps(document)})

    def _type(self, do: str) -> list[tuple[bytes, bytes]]:
        return [
            (b"content-type", b"application/octet-stream" if do == "echo" else b"application/json")
        ]

    def _document(self, scope: Any, headers: dict[str, str], body: bytes, status: int) -> Any:
        path = scope["path"]
        if status != 200:
            return {"error": f"upstream says {status}"}
        if path.startswith("/v2/models/") and path.count("/") == 3:
            held_out = {"fingerprint": self.fingerprint, "metrics": {"accuracy": 0.9}}
            return METADATA[path.rpartition("/")[2]] | held_out
        if path.endswith("/examples"):
            return {"examples": [{"title": "", "inputs": [{"name": "text", "data": ["so glad"]}]}]}
        do = headers.get("x-do", "").partition(":")[0]
        if path.endswith("/infer") and do in {"", "slow"} and b"inputs" in body:
            return self._inferred(path.split("/")[3])
        return {
            "name": self.name,
            "method": scope["method"],
            "path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": headers,
            "size": len(body),
        }

    def _inferred(self, model: str) -> Any:
        if model == "squares":
            return {"outputs": [{"name": "squares", "data": [4.0, 9.0]}]}
        labels = METADATA[model]["labels"]
        return {
            "model_version": self.name,
            "outputs": [
                {"name": "probabilities", "shape": [1, 2], "data": [0.25, 0.75]},
                {"name": "label", "shape": [1], "data": [labels[1]]},
                {"name": "confidence", "shape": [1], "data": [0.75]},
            ],
        }

    async def _stream(self, pieces: int, scope: Any, send: Any) -> None:
        connection = scope["extensions"]["transport"]["itself"]
        for _ in range(pieces):
            if connection.is_closing():
                return  # what is sent now goes nowhere, and lets nobody else have a turn
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _close(self, scope: Any) -> None:
        scope["extensions"]["transport"]["itself"].abort()


class _WithTransport(HttpToolsProtocol):
    """Lets the application abort its own connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"transport": {"itself": self.transport}}


class GrpcEcho(grpc.GenericRpcHandler):
    """Answers ``ModelInfer`` with the request's bytes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if handler_call_details.method != "/inference.GRPCInferenceService/ModelInfer":
            return None
        return grpc.unary_unary_rpc_method_handler(self._infer)

    async def _infer(self, request: bytes, context: Any) -> bytes:
        metadata = dict(context.invocation_metadata())
        do, _, argument = str(metadata.get("x-do", "")).partition(":")
        if do == "think":
            await asyncio.sleep(float(argument))
        if do == "refuse":
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "upstream says no")
        seen = {key: str(value) for key, value in metadata.items()}
        seen["served-by"] = self.name
        await context.send_initial_metadata(
            (
                ("x-model-version", self.name),
                ("x-model-fingerprint", f"sha256:{self.name}"),
                ("seen", orjson.dumps(seen).decode()),
            )
        )
        return request


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, required=True)
    options = parser.parse_args()
    grpc_server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    grpc_server.add_generic_rpc_handlers((GrpcEcho(options.name),))
    grpc_server.add_insecure_port(f"127.0.0.1:{options.grpc_port}")
    await grpc_server.start()
    config = uvicorn.Config(
        Upstream(options.name),
        host="127.0.0.1",
        port=options.http_port,
        http=_WithTransport,
        lifespan="off",
        log_level="error",
    )
    await uvicorn.Server(config).serve()
    await grpc_server.stop(None)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(main())
