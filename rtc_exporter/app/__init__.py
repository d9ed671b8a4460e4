"""The running program: two listeners, one event loop."""
