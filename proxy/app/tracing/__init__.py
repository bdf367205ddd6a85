"""OpenTelemetry's spans of what the gate does with statements, for whoever has `pgwarden[otel]`.

What is told waits in bounded memory, and a thread (telling.py) makes spans of it (spans.py) and takes them to
a collector (otlp.py). Nothing waits for them; what they lose is counted, and is in the refusal log.
"""
