"""The tests mirror the rooms of proxy/."""
