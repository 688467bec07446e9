"""The tests: promises, each with its sentence."""
