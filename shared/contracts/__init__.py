"""What our services say to one another: identifiers, the model, commands, events, sections, rules and problems.

Everything here is a frozen value or a pure function. Nothing here does I/O, and nothing here knows a service.
"""
