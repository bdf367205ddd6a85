"""The composition root: settings, the running gate, its logs and metrics, the command line."""
