"""The gateway: commands in, events out, over HTTP and WebSocket.

It asks no booking system anything and keeps nothing of its own: a rebooking lives in the event log, what was accepted
lives in the ledger, and any gateway serves any rebooking.
"""
