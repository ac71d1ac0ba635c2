"""The chaos lab: faults in a small language, put on a simulated venue while it runs."""
