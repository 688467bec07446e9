"""The booking service: one UpdateBooking at a time for each booking, and the truth about what became of it."""
