"""Every driver that the README names does a day's work through a gate under the production policy."""
