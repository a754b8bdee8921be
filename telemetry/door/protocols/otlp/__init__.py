"""OpenTelemetry's spans over HTTP (OTLP), as protobuf and as JSON.

https://opentelemetry.io/docs/specs/otlp/ and opentelemetry/proto/trace/v1/trace.proto, version 1.
"""
