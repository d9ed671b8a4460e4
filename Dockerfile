# The tests do not build this image.  It needs a token secret, because it listens on every interface:
#   docker build -t rtc-exporter .
#   docker run -p 8080:8080 -p 9464:9464 -e RTC_EXPORTER_INGEST__TOKEN_SECRET=... rtc-exporter
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY rtc_exporter rtc_exporter
RUN python -m venv /opt/rtc-exporter && /opt/rtc-exporter/bin/pip install --no-cache-dir .

FROM python:3.11-slim
COPY --from=build /opt/rtc-exporter /opt/rtc-exporter
ENV PATH=/opt/rtc-exporter/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RTC_EXPORTER_INGEST__LISTEN=:8080 \
    RTC_EXPORTER_ADMIN__LISTEN=:9464
USER 65532:65532
EXPOSE 8080 9464
# Health is asked over HTTP, at /-/healthy and /-/ready of the admin listener.
ENTRYPOINT ["rtc-exporter"]
CMD ["serve"]
