# The images of Trellis, a target for each process and engine. `make images` builds and checks
# them; docs/images.md says what is in them. Any Debian image with Python 3.11 can be BASE.
ARG BASE=python:3.11-slim-bookworm

# pip is mounted from here where it is needed: no image below holds it.
FROM ${BASE} AS pip
RUN python3 -m venv /pip

FROM ${BASE} AS trimmed
RUN --mount=source=scripts/images/trim.sh,target=/mnt/trim.sh sh /mnt/trim.sh

# One layer: what was taken out is gone, and not just hidden.
FROM scratch AS base
COPY --from=trimmed / /
COPY scripts/images/healthcheck.py /healthcheck.py
# Nobody can write into these images, so Python need not try; an installed package is compiled.
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LANG=C.UTF-8 \
    HOME=/tmp
LABEL org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.vendor="Trellis"
WORKDIR /app
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --start-interval=1s \
  CMD ["python", "-I", "/healthcheck.py"]

# The code comes last, compiled here once for all.
FROM base AS code
COPY trellis /app/trellis
COPY predictors /app/predictors
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app

# What each process needs. The optional secret `ca` is a bundle of certificates for a network
# whose proxy terminates TLS; it leaves no trace.
FROM base AS serving
RUN --mount=from=pip,source=/pip,target=/pip \
    --mount=source=requirements/serving.lock,target=/mnt/serving.lock \
    --mount=source=scripts/images/install.sh,target=/mnt/install.sh \
    --mount=type=cache,target=/var/cache/pip --mount=type=secret,id=ca \
    sh /mnt/install.sh /mnt/serving.lock
ENTRYPOINT ["python", "-m", "trellis.serving"]

FROM base AS serving-gpu
RUN --mount=from=pip,source=/pip,target=/pip \
    --mount=source=requirements/serving-gpu.lock,target=/mnt/serving-gpu.lock \
    --mount=source=scripts/images/install.sh,target=/mnt/install.sh \
    --mount=type=cache,target=/var/cache/pip --mount=type=secret,id=ca \
    sh /mnt/install.sh /mnt/serving-gpu.lock
ENTRYPOINT ["python", "-m", "trellis.serving"]

# The frameworks are a layer above the slim predictor, which a node then holds only once.
FROM serving AS keras
RUN --mount=from=pip,source=/pip,target=/pip \
    --mount=source=requirements/keras.lock,target=/mnt/keras.lock \
    --mount=source=scripts/images/install.sh,target=/mnt/install.sh \
    --mount=type=cache,target=/var/cache/pip --mount=type=secret,id=ca \
    sh /mnt/install.sh /mnt/keras.lock

FROM serving AS sklearn
RUN --mount=from=pip,source=/pip,target=/pip \
    --mount=source=requirements/sklearn.lock,target=/mnt/sklearn.lock \
    --mount=source=scripts/images/install.sh,target=/mnt/install.sh \
    --mount=type=cache,target=/var/cache/pip --mount=type=secret,id=ca \
    sh /mnt/install.sh /mnt/sklearn.lock

FROM base AS gateway-packages
RUN --mount=from=pip,source=/pip,target=/pip \
    --mount=source=requirements/gateway.lock,target=/mnt/gateway.lock \
    --mount=source=scripts/images/install.sh,target=/mnt/install.sh \
    --mount=type=cache,target=/var/cache/pip --mount=type=secret,id=ca \
    sh /mnt/install.sh /mnt/gateway.lock
ENTRYPOINT ["python", "-m", "trellis.gateway"]

FROM base AS controller-packages
RUN --mount=from=pip,source=/pip,target=/pip \
    --mount=source=requirements/controller.lock,target=/mnt/controller.lock \
    --mount=source=scripts/images/install.sh,target=/mnt/install.sh \
    --mount=type=cache,target=/var/cache/pip --mount=type=secret,id=ca \
    sh /mnt/install.sh /mnt/controller.lock
ENTRYPOINT ["python", "-m", "trellis.rollout"]

FROM serving AS predictor
LABEL org.opencontainers.image.title="trellis predictor" \
      org.opencontainers.image.description="Serves a model version with ONNX Runtime"
COPY --from=code /app /app
USER 65532:65532

FROM serving-gpu AS predictor-gpu
LABEL org.opencontainers.image.title="trellis predictor for GPUs" \
      org.opencontainers.image.description="Serves a model version with ONNX Runtime on CUDA"
COPY --from=code /app /app
USER 65532:65532

FROM keras AS predictor-keras
LABEL org.opencontainers.image.title="trellis predictor with Keras" \
      org.opencontainers.image.description="Serves a model version with Keras or ONNX Runtime"
COPY --from=code /app /app
USER 65532:65532

FROM sklearn AS predictor-sklearn
LABEL org.opencontainers.image.title="trellis predictor with scikit-learn" \
      org.opencontainers.image.description="Serves a model version with scikit-learn or ONNX Runtime"
COPY --from=code /app /app
USER 65532:65532

FROM gateway-packages AS gateway
LABEL org.opencontainers.image.title="trellis gateway" \
      org.opencontainers.image.description="The front door: takes a request to the revision that the routing table names; its workers too"
# A worker's health and metrics, and a gateway's metrics.
EXPOSE 8082 8083
COPY --from=code /app /app
USER 65532:65532

FROM controller-packages AS controller
LABEL org.opencontainers.image.title="trellis controller" \
      org.opencontainers.image.description="Weighs the evidence for a new version and moves its traffic"
# Its HTTP with health and metrics, and the admission webhook.
ENV TRELLIS_HTTP_PORT=8090
EXPOSE 8090 9443
COPY --from=code /app /app
USER 65532:65532
