"""What is measured, with its peer in the same run: `make bench`. Nothing here is part of the product."""
