"""What a venue is made of: streams, polls, requests, effects and book sync."""
