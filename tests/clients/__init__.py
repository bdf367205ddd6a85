"""The gate as its users meet it: real clients, through a real gate, to a real server."""
