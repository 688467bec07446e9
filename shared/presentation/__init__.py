"""What a patient is shown of a time: the yellow box, safe DocBook, and a facility's terms. Pure."""
