"""The interactions, one module each: `to_wire` gives the fields in zeep's words, `from_wire` the model of an answer."""
