"""What other teams test with: a pytest plugin that starts Omboka's images and plays the booking systems.

Imports no service. See docs/testing.md.
"""
