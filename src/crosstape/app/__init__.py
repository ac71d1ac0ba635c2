"""The composition root: the only room that knows every part. Live and replay are the same loop."""
