# hepalith as a container: docker build -t hepalith .
# Read a study:  docker run --rm --user "$(id -u)" -v "$PWD:/data" hepalith read CT --out reading
# An archive's neighbour: docs/how-to/orthanc/compose.yaml

FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements/run.lock requirements/run.lock
RUN python -m venv /opt/hepalith \
    && /opt/hepalith/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/run.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
RUN /opt/hepalith/bin/pip install --no-cache-dir --no-build-isolation --no-deps . \
    && /opt/hepalith/bin/python -m compileall -q /opt/hepalith/lib \
    && /opt/hepalith/bin/hepalith --version

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin hepalith \
    && mkdir /data && chown hepalith:hepalith /data
COPY --from=build /opt/hepalith /opt/hepalith
ENV PATH=/opt/hepalith/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER hepalith
WORKDIR /data
VOLUME /data
EXPOSE 11112
ENTRYPOINT ["hepalith"]
CMD ["--help"]
