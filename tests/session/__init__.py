"""The session against real servers, driven without a relay."""
