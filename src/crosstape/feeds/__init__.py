"""The network in: sockets and polls of every venue, put into one bounded intake as frames."""
