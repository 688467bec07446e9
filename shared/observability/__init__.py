"""Seen from outside: logs without personal numbers, metrics, and a port to ask a worker how it is."""
