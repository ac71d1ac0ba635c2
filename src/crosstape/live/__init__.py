"""The loop: one consumer that orders arrivals, records them, folds them and publishes views."""
