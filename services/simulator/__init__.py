"""Booking systems that speak the contracts, with mishaps on demand and a journal of what really happened.

They share no code with the SOAP client: what the two agree on is the contracts alone.
"""
