# Builds the wheel and its dependencies in one stage, runs them as an ordinary user in the next.
FROM python:3.12-slim AS build
# What is installed beside the daemon; "sandbox,s3" adds object stores for the files connector.
ARG EXTRAS=sandbox
WORKDIR /src
RUN python -m venv /opt/syncd
COPY pyproject.toml README.md ./
COPY syncd ./syncd
COPY migrations ./migrations
COPY config ./config
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/syncd/bin/python -m pip install --disable-pip-version-check ".[${EXTRAS}]"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/syncd --create-home --shell /usr/sbin/nologin syncd
COPY --from=build /opt/syncd /opt/syncd
COPY config /etc/syncd
# Nothing is written below / but /tmp and /var/lib/syncd, so the root file system may be mounted read-only.
ENV PATH=/opt/syncd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SYNCD_CONFIG=/etc/syncd/syncd.yaml
WORKDIR /var/lib/syncd
USER syncd
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["syncd"]
CMD ["run"]
