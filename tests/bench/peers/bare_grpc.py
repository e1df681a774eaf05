"""The limit of a gRPC no-op: ``grpc.aio`` with a handler that returns constant bytes.

Run as ``python -m tests.bench.peers.bare_grpc PORT NUMBER``.
"""

import asyncio
import struct
import sys
from typing import Any

import grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb


async def main() -> None:
    """Answer every call with one FP32 output that holds NUMBER."""
    output = pb.ModelInferResponse.InferOutputTensor(name="squares", datatype="FP32", shape=[1])
    answer: bytes = pb.ModelInferResponse(
        model_name="squares",
        outputs=[output],
        raw_output_contents=[struct.pack("<f", float(sys.argv[2]))],
    ).SerializeToString()

    async def handle(_request: bytes, _context: object) -> bytes:
        return answer

    server = grpc.aio.server()
    handlers: dict[str, Any] = {"ModelInfer": grpc.unary_unary_rpc_method_handler(handle)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),)
    )
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
