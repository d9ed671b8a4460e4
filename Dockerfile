# The image: Debian, its Python, and one folder with the program and everything that requirements.lock pins by hash.
# It runs as nobody in particular, and writes nowhere but in /tmp.
#
# There is no container engine where this is developed: `python -m tools.container` runs these very steps in a Debian
# root, as root, and tries the command there.  Build it yourself:
#   docker build -t rtc-exporter .
#   docker run --read-only --tmpfs /tmp -p 8080:8080 -p 127.0.0.1:9464:9464 \
#       -v "$PWD/secret:/run/secrets/rtc:ro" -e RTC_EXPORTER_INGEST__TOKEN_SECRET_FILE=/run/secrets/rtc rtc-exporter
ARG DEBIAN=debian:bookworm-slim

FROM ${DEBIAN} AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-build.lock
# The same files make the same wheels and the same bytecode, whenever they are built.  nkeys is published as source only.
ENV SOURCE_DATE_EPOCH=1577836800 PYTHONHASHSEED=0
RUN /opt/build/bin/pip wheel --no-cache-dir --require-hashes --only-binary :all: --no-binary nkeys --no-build-isolation --wheel-dir /wheels -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY rtc_exporter rtc_exporter
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .
RUN python3 -m venv --without-pip /opt/rtc-exporter && /opt/build/bin/pip --python /opt/rtc-exporter/bin/python install --no-cache-dir --no-compile --no-index --no-deps /wheels/*.whl
RUN find /opt/rtc-exporter -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/rtc-exporter/lib

FROM ${DEBIAN}
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/rtc-exporter /opt/rtc-exporter
LABEL org.opencontainers.image.title=rtc-exporter org.opencontainers.image.licenses=Apache-2.0
ENV PATH=/opt/rtc-exporter/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RTC_EXPORTER_INGEST__LISTEN=:8080 \
    RTC_EXPORTER_ADMIN__LISTEN=:9464
USER 65532:65532
EXPOSE 8080 9464
# Health is asked over HTTP, at /-/healthy and /-/ready of the admin listener.
ENTRYPOINT ["rtc-exporter"]
CMD ["serve"]
