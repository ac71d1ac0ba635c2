"""What is known now: columnar state, rings of the past, books and bars."""
