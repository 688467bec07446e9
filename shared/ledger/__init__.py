"""The ledger: every rebooking that was accepted, each step it took, and what the patient was told of it.

A row is committed before anybody is told "accepted", and its state is committed before anything is sent.
Source: the reliability rules 3.
"""
