"""The maths: arrays in, arrays out."""
