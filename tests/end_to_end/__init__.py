"""The whole system, as a portal meets it: HTTP and WebSocket in front, booking systems behind."""
