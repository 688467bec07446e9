"""How our services reach one another: commands over the broker, events over the log."""
