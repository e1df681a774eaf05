"""Asks a predictor over gRPC whether its model is ready; only grpcio is needed.

usage: ask_grpc.py [--timeout=SECONDS] MODEL=HOST[:PORT]...
"""

import sys

import grpc

_METHOD = "/inference.GRPCInferenceService/ModelReady"


def ready(model: str, host: str, timeout: float) -> bool:
    """Whether the model at ``host`` (port 80 where it names none) is ready. Raises
    ``grpc.RpcError`` where there is no answer within ``timeout`` seconds.
    """
    name = model.encode()
    with grpc.insecure_channel(host if ":" in host else f"{host}:80") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHOD)
        # ModelReadyRequest is field 1, the name; ModelReadyResponse is field 1, a bool.
        answer = call(b"\x0a" + bytes([len(name)]) + name, timeout=timeout, wait_for_ready=True)
    return answer == b"\x08\x01"


def main(arguments: list[str]) -> int:
    """Ask all that the arguments name; returns the exit code."""
    timeout, failed = 60.0, False
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name == "--timeout":
            timeout = float(value)
            continue
        try:
            fine = ready(name, value, timeout)
            print(f"{name}: {'ready' if fine else 'not ready'}")
        except grpc.RpcError as error:
            print(f"{name}: {value}: {error!r}")
            fine = False
        failed = failed or not fine
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
