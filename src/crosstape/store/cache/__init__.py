"""Answers that are slow or remote, kept for a while: in this process, in Redis or in memcached."""
