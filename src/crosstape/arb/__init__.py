"""What can be taken across venues: fees, edges, spreads."""
