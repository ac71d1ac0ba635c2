"""A synthetic world of markets and the venues that speak it in their native protocols, on loopback."""
