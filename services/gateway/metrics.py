"""What the gateway counts, for /metrics. Numbers alone: nothing here knows a patient."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Histogram("omboka_gateway_request_seconds", "Time to answer a request", ["route", "status"])
REBOOKINGS = Counter("omboka_gateway_rebookings_begun", "Rebookings begun")
COMMANDS = Counter("omboka_gateway_commands", "Commands by name and how they went", ["name", "result"])
SOCKETS = Gauge("omboka_gateway_sockets", "Open WebSockets")
SLOW_SOCKETS = Counter("omboka_gateway_slow_sockets", "WebSockets closed because their reader was too slow")
PUBLISH_FAILED = Counter("omboka_gateway_publish_failed", "Look-ups that the broker didn't take")
NO_ANSWER = Counter("omboka_gateway_no_answer", "Sections whose look-up ended without an answer")
LEFT_TO_DISPATCHER = Counter("omboka_gateway_left_to_dispatcher", "Wake-ups and notes left to the dispatcher")
