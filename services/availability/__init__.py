"""The availability service: look-ups fanned out to many booking systems, cached, and told as they come."""
